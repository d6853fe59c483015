import { Writer } from 'protobufjs/minimal.js'
import { parseDuration } from './duration.ts'
import { messageOf, type MessageField } from './protobuf-table.ts'

type Fields = Readonly<Record<string, unknown>>

const meta = 'k8s.io.apimachinery.pkg.apis.meta.v1'

/** Messages whose JSON is not an object of their fields, the other way round. */
const ownForms: Readonly<Record<string, (value: unknown) => Fields>> = {
  'k8s.io.apimachinery.pkg.api.resource.Quantity': (value) => ({ string: value }),
  [`${meta}.Time`]: (value) => ({ seconds: Date.parse(value as string) / 1000 }),
  [`${meta}.MicroTime`]: (value) => microTime(value as string),
  [`${meta}.Duration`]: (value) => ({ duration: parseDuration(value as string)! * 1e6 }),
  [`${meta}.Verbs`]: (value) => ({ items: value }),
  [`${meta}.FieldsV1`]: rawJson,
  'k8s.io.apimachinery.pkg.runtime.RawExtension': rawJson,
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': (value) =>
    typeof value === 'string' ? { type: 1, strVal: value } : { type: 0, intVal: value },
  'k8s.io.api.authorization.v1.ExtraValue': (value) => ({ items: value }),
}

function rawJson(value: unknown): Fields {
  return { '-': Buffer.from(JSON.stringify(value)).toString('base64') }
}

function microTime(text: string): Fields {
  const [whole, fraction = ''] = text.replace('Z', '').split('.')
  return { seconds: Date.parse(`${whole}Z`) / 1000, nanos: Number(fraction.padEnd(9, '0')) }
}

/** A JSON object as the Go clients encode it, zeros of plain fields included, in its envelope. */
export function encodeProtobuf(object: Fields & { readonly apiVersion: string; readonly kind: string }, message: string): Uint8Array {
  const typeMeta = new Writer().uint32(10).string(object.apiVersion).uint32(18).string(object.kind).finish()
  const body = encodeMessage(object, message)
  const envelope = new Writer().uint32(10).bytes(typeMeta).uint32(18).bytes(body).uint32(26).string('').uint32(34).string('').finish()
  return Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0x00]), envelope])
}

function encodeMessage(object: Fields, message: string): Uint8Array {
  const writer = new Writer()
  for (const field of messageOf(message).values()) encodeField(writer, field, field.isInline ? object : object[field.name])
  return writer.finish()
}

function encodeField(writer: Writer, field: MessageField, value: unknown): void {
  if (field.kind === 'map') {
    for (const [key, entry] of Object.entries((value ?? {}) as Fields)) {
      const pair = new Writer().uint32(10).string(key)
      writeValue(pair, field.mapValue!, entry)
      writer.uint32(tag(field)).bytes(pair.finish())
    }
  } else if (field.isRepeated) for (const item of (value ?? []) as unknown[]) writeValue(writer, field, item)
  else if (value !== undefined) writeValue(writer, field, value)
  else if (field.dropsZero && field.kind !== 'message') writeValue(writer, field, zeros[field.kind])
}

const zeros: Readonly<Record<string, unknown>> = { string: '', bytes: '', bool: false, int32: 0, int64: 0, double: 0 }
const wireTypes: Readonly<Record<MessageField['kind'], number>> = {
  string: 2,
  bytes: 2,
  bool: 0,
  int32: 0,
  int64: 0,
  double: 1,
  message: 2,
  map: 2,
}
const tag = ({ number, kind }: MessageField) => number * 8 + wireTypes[kind]

function writeValue(writer: Writer, field: MessageField, value: unknown): void {
  writer.uint32(tag(field))
  if (field.kind === 'string') writer.string(value as string)
  else if (field.kind === 'bytes') writer.bytes(Buffer.from(value as string, 'base64'))
  else if (field.kind === 'bool') writer.bool(value as boolean)
  else if (field.kind === 'int32') writer.int32(value as number)
  else if (field.kind === 'int64') writer.int64(value as number)
  else if (field.kind === 'double') writer.double(value as number)
  else writer.bytes(encodeMessage(ownForms[field.message]?.(value) ?? (value as Fields), field.message))
}
