import type { Writer } from 'protobufjs/minimal.js'
import { lazyPackage } from '../../lib/lazy-package.ts'
import { parseDuration } from './duration.ts'
import { messageNameOf, protobufMagic, wireTypes } from './protobuf.ts'
import { messageOf } from './protobuf-table.ts'
import type { MessageField } from './protobuf-table.ts'

const protobuf = lazyPackage<typeof import('protobufjs/minimal.js')>('protobufjs/minimal.js')

type Fields = Readonly<Record<string, unknown>>

/**
 * An object (or list) of a kind that the tables know, in protobuf with the `k8s\0` envelope: the inverse of `decodeProtobuf`. Members that the
 * message does not have are left out. Throws a BadRequest for a kind that has no protobuf form.
 */
export function encodeProtobuf(object: { readonly apiVersion: string; readonly kind: string }): Uint8Array {
  const { apiVersion, kind } = object
  const message = messageNameOf(apiVersion, kind)
  const { Writer } = protobuf()
  const writer = new Writer()
  writer.uint32(tagOf(1, lengthDelimited)).fork()
  writer.uint32(tagOf(1, lengthDelimited)).string(apiVersion).uint32(tagOf(2, lengthDelimited)).string(kind).ldelim()
  writer.uint32(tagOf(2, lengthDelimited)).fork()
  writeMessage(writer, message, object)
  return Buffer.concat([Buffer.from(protobufMagic), writer.ldelim().finish()])
}

const lengthDelimited = 2
const tagOf = (number: number, wireType: number) => number * 8 + wireType

function writeMessage(writer: Writer, message: string, object: Fields): void {
  for (const field of messageOf(message).values()) {
    // The members of an inline message are the parent's own; without any of them it is not there.
    const value = field.isInline ? membersOf(field.message, object) : object[field.name]
    if (value === undefined || value === null) continue
    if (field.kind === 'map') writeMap(writer, field, value as Fields)
    else if (field.isRepeated) for (const item of value as readonly unknown[]) writeValue(writer, field, item)
    else writeValue(writer, field, value)
  }
}

const membersOf = (message: string, object: Fields) =>
  [...messageOf(message).values()].some(({ name }) => object[name] !== undefined) ? object : undefined

function writeMap(writer: Writer, field: MessageField, map: Fields): void {
  for (const [key, value] of Object.entries(map)) {
    writer.uint32(tagOf(field.number, lengthDelimited)).fork()
    writer.uint32(tagOf(1, lengthDelimited)).string(key)
    writeValue(writer, field.mapValue!, value)
    writer.ldelim()
  }
}

function writeValue(writer: Writer, { number, kind, message }: MessageField, value: unknown): void {
  writer.uint32(tagOf(number, wireTypes[kind]))
  switch (kind) {
    case 'string':
      writer.string(String(value))
      return
    case 'bytes':
      writer.bytes(Buffer.from(String(value), 'base64'))
      return
    case 'bool':
      writer.bool(value === true)
      return
    case 'int32':
      writer.int32(Number(value))
      return
    case 'int64':
      writer.int64(Number(value))
      return
    case 'double':
      writer.double(Number(value))
      return
    default:
      writer.fork()
      writeMessage(writer, message, Object.hasOwn(ownForms, message) ? ownForms[message]!(value) : (value as Fields))
      writer.ldelim()
  }
}

/** The fields of messages whose JSON is not an object of their fields. */
const ownForms: Readonly<Record<string, (value: unknown) => Fields>> = {
  'k8s.io.apimachinery.pkg.api.resource.Quantity': (value) => ({ string: String(value) }),
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': timeFields,
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': timeFields,
  'k8s.io.apimachinery.pkg.apis.meta.v1.Duration': (value) => ({ duration: Math.round((parseDuration(String(value)) ?? 0) * 1e6) }),
  'k8s.io.apimachinery.pkg.apis.meta.v1.Verbs': (items) => ({ items }),
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': rawFields,
  'k8s.io.apimachinery.pkg.runtime.RawExtension': rawFields,
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON': rawFields,
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': (value) =>
    Array.isArray(value) ? { jSONSchemas: value } : { schema: value },
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': (value) =>
    Array.isArray(value) ? { property: value } : { schema: value },
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': (value) =>
    typeof value === 'boolean' ? { allows: value } : { allows: true, schema: value },
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': (value) =>
    typeof value === 'number' ? { type: 0, intVal: value } : { type: 1, strVal: value },
  'k8s.io.api.authentication.v1.ExtraValue': (items) => ({ items }),
  'k8s.io.api.authorization.v1.ExtraValue': (items) => ({ items }),
  'k8s.io.api.certificates.v1.ExtraValue': (items) => ({ items }),
}

function timeFields(value: unknown): Fields {
  const match = /^(.*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(String(value))
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`)
  return Number.isNaN(ms) ? {} : { seconds: ms / 1000, nanos: Number((match![2] ?? '').padEnd(9, '0').slice(0, 9)) }
}

/** Embedded JSON is a field without a name. */
function rawFields(value: unknown): Fields {
  return { '-': Buffer.from(JSON.stringify(value)).toString('base64') }
}
