import type { KindDeclaration } from '../../api/kind-declaration.ts'
import { findKindByName } from '../../api/kinds.ts'
import { apiVersionOf, type KubeObject } from '../../api/object.ts'
import { decodeProtobuf, isProtobuf } from '../../api/protobuf.ts'
import {
  checkSchema,
  type Decoded,
  decodeJson,
  decodeYaml,
  decodingError,
  pruneUnknown,
  strictDecodingError,
  strictWarnings,
} from '../../api/schema.ts'
import { badRequest, invalid, unsupportedMediaType } from '../../api/status-error.ts'
import type { ApiRequest, RequestBody } from '../request.ts'
import { copyJson } from './copy.ts'

/** What bodies may be written in. */
export const bodyTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']

/** A body's expected shape. */
export interface Expected {
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The OpenAPI definition's name. */
  readonly definition: string
}

/** The expectation of a kind's own objects. */
export function expectedOf({ kind, definition }: KindDeclaration): Expected {
  return { group: kind.group, version: kind.version, kind: kind.kind, definition }
}

/** The media type of a content type header without its parameters. */
export function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(';')
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

/** Parses a body of any accepted type. A fresh value: the caller may change it. */
export function parseBody(body: RequestBody): Decoded {
  if ('value' in body) return { value: copyJson(body.value), duplicates: [] }
  switch (mediaTypeOf(body.contentType)) {
    case '':
    case 'application/json':
      return decodeJson(body.bytes)
    case 'application/yaml':
      return decodeYaml(body.bytes)
    case 'application/vnd.kubernetes.protobuf':
      if (!isProtobuf(body.bytes))
        throw badRequest('the object provided is unrecognized (must be of type Protobuf): the k8s envelope is missing')
      return { value: decodeProtobuf(body.bytes), duplicates: [] }
    default:
      throw unsupportedMediaType(bodyTypes)
  }
}

/**
 * The request's body as an object of the expected shape: names its kind, has no fields the definition does not know, quantities in
 * canonical form. `fieldValidation` decides whether unknown and repeated fields are refused, warned of or dropped silently.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the definition decides the type; callers say which one it is
export function decodeBody<T = KubeObject>(request: ApiRequest, expected: Expected): T {
  const { object, duplicates } = readObject(request, expected)
  const conforming: unknown = conform(object, expected, duplicates, request)
  return conforming as T
}

/** The body of a kind's object. One of a retired kind is turned into the kind that it lives on as. */
export function decodeObject(request: ApiRequest, declaration: KindDeclaration, retired: KindDeclaration | undefined): KubeObject {
  if (retired?.alias === undefined) return decodeBody(request, expectedOf(declaration))
  const { object, duplicates } = readObject(request, expectedOf(retired))
  const converted = retired.alias.convert({
    ...object,
    apiVersion: apiVersionOf(retired.kind),
    kind: retired.kind.kind,
  } as unknown as KubeObject)
  return conform(converted as unknown as Record<string, unknown>, expectedOf(declaration), duplicates, request) as KubeObject
}

/** Parses the body and checks what it says it is. */
function readObject(
  request: ApiRequest,
  expected: Expected,
): { readonly object: Record<string, unknown>; readonly duplicates: readonly string[] } {
  if (request.body === undefined) throw badRequest('the request body is empty: an object was expected')
  const decoded = parseBody(request.body)
  if (typeof decoded.value !== 'object' || decoded.value === null || Array.isArray(decoded.value))
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${Array.isArray(decoded.value) ? 'array' : typeof decoded.value} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    )
  const object = decoded.value as Record<string, unknown>
  checkTypeMeta(object, expected)
  return { object, duplicates: decoded.duplicates }
}

/** Checks a decoded value against its definition as the request's `fieldValidation` asks, and prunes it. */
export function conform(object: Record<string, unknown>, expected: Expected, duplicates: readonly string[], request: ApiRequest): object {
  const level = fieldValidationOf(request)
  const report = checkSchema(expected.definition, object)
  if (report.typeErrors.length > 0) throw decodingError(expected, report.typeErrors)
  if (report.unknownFields.length > 0 || duplicates.length > 0) {
    const warnings = strictWarnings(report.unknownFields, duplicates)
    if (level === 'Strict') throw strictDecodingError(expected, warnings)
    if (level === 'Warn') request.warnings.push(...warnings)
  }
  const pruned = pruneUnknown<Record<string, unknown>>(expected.definition, object)
  pruned['apiVersion'] = apiVersionOf(expected)
  pruned['kind'] = expected.kind
  return pruned
}

function fieldValidationOf(request: ApiRequest): string {
  const level = request.query.get('fieldValidation') ?? ''
  if (level === '') return 'Warn'
  if (!['Ignore', 'Warn', 'Strict'].includes(level)) {
    const message = `Unsupported value: ${JSON.stringify(level)}: supported values: "Ignore", "Strict", "Warn"`
    const kind = request.info.verb === 'create' ? 'CreateOptions' : request.info.verb === 'update' ? 'UpdateOptions' : 'PatchOptions'
    throw invalid({ group: 'meta.k8s.io', kind }, '', [{ reason: 'FieldValueNotSupported', message, field: 'fieldValidation' }])
  }
  return level
}

function checkTypeMeta(object: Record<string, unknown>, expected: Expected): void {
  const apiVersion = typeMember(object, 'apiVersion')
  const kind = typeMember(object, 'kind')
  const wanted = apiVersionOf(expected)
  if (apiVersion === undefined && kind === undefined) return
  if (kind !== undefined && kind !== expected.kind && (apiVersion === undefined || apiVersion === wanted)) {
    const [group, version] = splitApiVersion(apiVersion ?? wanted)
    if (findKindByName(group, version, kind) === undefined) throw noKindMatch(kind, apiVersion ?? wanted)
    throw badRequest(
      `${expected.kind} in version "${expected.version}" cannot be handled as a ${expected.kind}: the object provided is a ${kind}, not a ${expected.kind}`,
    )
  }
  if (apiVersion !== undefined && apiVersion !== wanted)
    throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${wanted})`)
}

function typeMember(object: Record<string, unknown>, name: string): string | undefined {
  const value = object[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string')
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${typeof value} into Go struct field .${name} of type string`,
    )
  return value
}

const noKindMatch = (kind: string, apiVersion: string) =>
  badRequest(`no kind "${kind}" is registered for version "${apiVersion}" in scheme`)

/** `apps/v1` → `['apps', 'v1']`, `v1` → `['', 'v1']`. */
export function splitApiVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
}
