import { definitionByGvk } from './definition.ts'
import { formatDuration } from './duration.ts'
import type { KubeObject } from './object.ts'
import { ProtobufError, ProtobufReader } from './protobuf-reader.ts'
import { hasMessage, messageOf, type MessageField } from './protobuf-table.ts'
import { badRequest } from './status-error.ts'

/** `k8s\0`, before every body. */
export const protobufMagic = [0x6b, 0x38, 0x73, 0x00] as const
/** Deeper nesting than this serves only to exhaust the stack. */
const maxDepth = 100

/** Whether a body carries the `k8s\0` envelope. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return protobufMagic.every((byte, at) => bytes[at] === byte)
}

/**
 * The object in a protobuf body, as its JSON would be: Go's zero values are left out where its JSON leaves them out, times, quantities and
 * embedded objects take their JSON forms. Any message of the tables: objects, DeleteOptions, Eviction, reviews.
 * Throws a BadRequest for a malformed body and for a kind that has no protobuf form.
 */
export function decodeProtobuf(bytes: Uint8Array): KubeObject {
  if (!isProtobuf(bytes)) throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  try {
    return readEnvelope(new ProtobufReader(bytes, protobufMagic.length), 0)
  } catch (error) {
    if (error instanceof ProtobufError) throw badRequest(`the protobuf body is malformed: ${error.message}`)
    throw error
  }
}

/** `runtime.Unknown`. */
function readEnvelope(reader: ProtobufReader, depth: number): KubeObject {
  let apiVersion = ''
  let kind = ''
  let raw: ProtobufReader | undefined
  while (!reader.isDone) {
    const { number, wireType } = reader.tag()
    if (number === 1 && wireType === 2) ({ apiVersion, kind } = readTypeMeta(reader.message()))
    else if (number === 2 && wireType === 2) raw = reader.message()
    else reader.skip(wireType)
  }
  const message = messageNameOf(apiVersion, kind)
  const fields = raw === undefined ? {} : readMessage(raw, message, depth)
  return { apiVersion, kind, ...fields } as unknown as KubeObject
}

function readTypeMeta(reader: ProtobufReader): { apiVersion: string; kind: string } {
  const meta = { apiVersion: '', kind: '' }
  while (!reader.isDone) {
    const { number, wireType } = reader.tag()
    if (number === 1 && wireType === 2) meta.apiVersion = reader.text()
    else if (number === 2 && wireType === 2) meta.kind = reader.text()
    else reader.skip(wireType)
  }
  return meta
}

/** Kinds that every group version shares. */
const sharedKinds = new Set([
  'DeleteOptions',
  'ListOptions',
  'GetOptions',
  'CreateOptions',
  'UpdateOptions',
  'PatchOptions',
  'Status',
  'WatchEvent',
])

/** The full name of a kind's message. Throws a BadRequest for a kind that has no protobuf form. */
export function messageNameOf(apiVersion: string, kind: string): string {
  if (sharedKinds.has(kind)) return `k8s.io.apimachinery.pkg.apis.meta.v1.${kind}`
  const slash = apiVersion.indexOf('/')
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
  const definition = definitionByGvk(group, version, kind)
  const name =
    definition === undefined ? otherMessage(group, version, kind) : definition.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_')
  if (!hasMessage(name)) throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}" in protobuf`)
  return name
}

/** Kinds of the metrics APIs; kinds of retired versions, whose packages are named by the group's first word. */
function otherMessage(group: string, version: string, kind: string): string {
  const metrics = /^(?:custom\.|external\.)?metrics(?=\.k8s\.io$)/.exec(group)
  if (metrics !== null) return `k8s.io.metrics.pkg.apis.${metrics[0].replace('.', '_')}.${version}.${kind}`
  return `k8s.io.api.${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`
}

type Fields = Record<string, unknown>

function readMessage(reader: ProtobufReader, message: string, depth: number): Fields {
  if (depth > maxDepth) throw new ProtobufError('exceeded max depth')
  const fields = messageOf(message)
  const object: Fields = {}
  while (!reader.isDone) {
    const { number, wireType } = reader.tag()
    const field = fields.get(number)
    if (field === undefined) reader.skip(wireType)
    else readField(reader, { field, wireType, depth }, object)
  }
  return object
}

interface Place {
  readonly field: MessageField
  readonly wireType: number
  readonly depth: number
}

function readField(reader: ProtobufReader, place: Place, object: Fields): void {
  const { field, wireType } = place
  if (field.kind === 'map') return readMapEntry(reader, place, object)
  if (field.isRepeated) return readRepeated(reader, place, object)
  const value = readValue(reader, field, wireType, place.depth)
  if (field.isInline) Object.assign(object, value)
  else if (value !== undefined && !(field.dropsZero && isZero(value))) define(object, field.name, value)
}

const isZero = (value: unknown) => value === 0 || value === '' || value === false

/** Sets a member without ever reaching the prototype. */
function define(object: Fields, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

function readRepeated(reader: ProtobufReader, { field, wireType, depth }: Place, object: Fields): void {
  const list = (object[field.name] ??= []) as unknown[]
  const isPacked = wireType === 2 && (field.kind === 'int32' || field.kind === 'int64' || field.kind === 'bool' || field.kind === 'double')
  if (!isPacked) {
    list.push(readValue(reader, field, wireType, depth))
    return
  }
  const packed = reader.message()
  while (!packed.isDone) list.push(readValue(packed, field, field.kind === 'double' ? 1 : 0, depth))
}

function readMapEntry(reader: ProtobufReader, { field, depth }: Place, object: Fields): void {
  const entry = reader.message()
  const map = (object[field.name] ??= {}) as Fields
  let key = ''
  let value: unknown
  while (!entry.isDone) {
    const { number, wireType } = entry.tag()
    if (number === 1 && wireType === 2) key = entry.text()
    else if (number === 2) value = readValue(entry, field.mapValue!, wireType, depth)
    else entry.skip(wireType)
  }
  define(map, key, value ?? (field.mapValue!.kind === 'message' ? {} : ''))
}

/** How each kind of field is framed. */
export const wireTypes: Readonly<Record<MessageField['kind'], number>> = {
  string: 2,
  bytes: 2,
  bool: 0,
  int32: 0,
  int64: 0,
  double: 1,
  message: 2,
  map: 2,
}

function readValue(reader: ProtobufReader, field: MessageField, wireType: number, depth: number): unknown {
  if (wireType !== wireTypes[field.kind]) throw new ProtobufError(`wrong wire type ${wireType} for field ${field.name}`)
  switch (field.kind) {
    case 'string':
      return reader.text()
    case 'bytes':
      return Buffer.from(reader.slice()).toString('base64')
    case 'bool':
      return reader.varint() !== 0
    case 'int32':
      return reader.int64() | 0
    case 'int64':
      return reader.int64()
    case 'double':
      return reader.double()
    default:
      return readNested(reader.message(), field.message, depth + 1)
  }
}

/** Messages whose JSON is not an object of their fields. `undefined` stands for Go's null. */
const ownForms: Readonly<Record<string, (fields: Fields, depth: number) => unknown>> = {
  'k8s.io.apimachinery.pkg.api.resource.Quantity': (fields) =>
    fields['string'] === undefined || fields['string'] === '' ? '0' : fields['string'],
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': (fields) => timeText(fields, 0),
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': (fields) => timeText(fields, 6),
  'k8s.io.apimachinery.pkg.apis.meta.v1.Duration': (fields) => formatDuration(Number(fields['duration'] ?? 0) / 1e6),
  'k8s.io.apimachinery.pkg.apis.meta.v1.Verbs': (fields) => fields['items'] ?? [],
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': rawJson,
  'k8s.io.apimachinery.pkg.runtime.RawExtension': rawJson,
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON': rawJson,
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': (fields) => fields['schema'] ?? fields['jSONSchemas'],
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': (fields) =>
    fields['schema'] ?? fields['property'],
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': (fields) =>
    fields['schema'] ?? fields['allows'] ?? false,
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': (fields) =>
    fields['type'] === 1 ? (fields['strVal'] ?? '') : (fields['intVal'] ?? 0),
  'k8s.io.api.authentication.v1.ExtraValue': (fields) => fields['items'] ?? [],
  'k8s.io.api.authorization.v1.ExtraValue': (fields) => fields['items'] ?? [],
  'k8s.io.api.certificates.v1.ExtraValue': (fields) => fields['items'] ?? [],
}

function readNested(reader: ProtobufReader, message: string, depth: number): unknown {
  const fields = readMessage(reader, message, depth)
  const ownForm = Object.hasOwn(ownForms, message) ? ownForms[message] : undefined
  return ownForm === undefined ? fields : ownForm(fields, depth)
}

function timeText(fields: Fields, fractionDigits: number): string | undefined {
  const seconds = Number(fields['seconds'] ?? 0)
  const nanos = Number(fields['nanos'] ?? 0)
  if (seconds === 0 && nanos === 0) return undefined
  if (Math.abs(seconds) > 8_640_000_000_000) throw new ProtobufError('a time is out of range')
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19)
  return fractionDigits === 0 ? `${whole}Z` : `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`
}

/** Embedded JSON, or an embedded object in an envelope of its own. The bytes arrive as base64 text. */
function rawJson(fields: Fields, depth: number): unknown {
  const raw = Object.values(fields)[0]
  if (typeof raw !== 'string' || raw === '') return undefined
  const bytes = Buffer.from(raw, 'base64')
  if (isProtobuf(bytes)) return readEnvelope(new ProtobufReader(bytes, protobufMagic.length), depth + 1)
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch {
    throw new ProtobufError('embedded JSON cannot be parsed')
  }
}
