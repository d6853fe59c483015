import type { KindDeclaration } from '../../api/kind-declaration.ts'
import { apiVersionOf, type KubeObject } from '../../api/object.ts'
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch } from '../../api/patch.ts'
import { decodeJson, decodeYaml } from '../../api/schema.ts'
import { badRequest, unsupportedMediaType } from '../../api/status-error.ts'
import type { ApiRequest, RequestBody } from '../request.ts'
import { copyJson } from './copy.ts'
import { conform, type Expected, mediaTypeOf } from './decode.ts'

/** The patch forms, as content types. */
export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const

export type PatchType = (typeof patchTypes)[number]

/** A parsed patch. */
export interface Patch {
  readonly type: PatchType
  readonly value: unknown
  readonly duplicates: readonly string[]
}

/** Reads the request's patch. Throws 415 for other content types and 400 for malformed bodies. */
export function parsePatch(body: RequestBody | undefined): Patch {
  if (body === undefined) throw badRequest('the request body is empty: a patch was expected')
  const type = mediaTypeOf(body.contentType) as PatchType
  if (!patchTypes.includes(type)) throw unsupportedMediaType(patchTypes)
  if ('value' in body) return { type, value: copyJson(body.value), duplicates: [] }
  const decoded = type === 'application/apply-patch+yaml' ? decodeApplied(body.bytes) : decodeJson(body.bytes)
  return { type, ...decoded }
}

/** Most clients apply JSON, which is much faster to read as what it is. */
function decodeApplied(bytes: Uint8Array) {
  return bytes[0] === 0x7b ? decodeJson(bytes) : decodeYaml(bytes)
}

/** A patch of a retired kind's URL names that kind: it is one of the kind that it lives on as. */
export function withoutRetiredVersion(patch: Patch, retired: KindDeclaration | undefined): Patch {
  const { value } = patch
  if (retired?.alias === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return patch
  const fields = value as Record<string, unknown>
  if (fields['apiVersion'] !== apiVersionOf(retired.kind)) return patch
  if (patch.type === 'application/apply-patch+yaml') return { ...patch, value: retired.alias.convert(fields as unknown as KubeObject) }
  const { apiVersion: _, ...rest } = fields
  return { ...patch, value: rest }
}

/** The outcome of a (not server-side-apply) patch on `current`, checked against the definition. The caller's own copy. */
export function patchObject(current: KubeObject, patch: Patch, expected: Expected, request: ApiRequest): KubeObject {
  const patched = applyPatch(current, patch, expected.definition)
  if (typeof patched !== 'object' || patched === null || Array.isArray(patched)) throw badRequest('the patch does not leave an object')
  const copy = copyJson(patched) as Record<string, unknown>
  checkSameKind(copy, expected)
  return conform(copy, expected, patch.duplicates, request) as KubeObject
}

function applyPatch(current: KubeObject, { type, value }: Patch, definition: string): unknown {
  switch (type) {
    case 'application/json-patch+json':
      return applyJsonPatch(current, value)
    case 'application/merge-patch+json':
      return applyMergePatch(current, value)
    default:
      return applyStrategicMergePatch(current, value, definition)
  }
}

function checkSameKind(object: Record<string, unknown>, expected: Expected): void {
  const wanted = apiVersionOf(expected)
  if (object['apiVersion'] !== undefined && object['apiVersion'] !== wanted)
    throw badRequest(
      `the API version in the data (${JSON.stringify(object['apiVersion'])}) does not match the expected API version (${wanted})`,
    )
  if (object['kind'] !== undefined && object['kind'] !== expected.kind)
    throw badRequest(`the kind in the data (${JSON.stringify(object['kind'])}) does not match the expected kind (${expected.kind})`)
}

/** An applied configuration, checked: it must name its kind. */
export function appliedObject(patch: Patch, declaration: KindDeclaration, expected: Expected, request: ApiRequest): KubeObject {
  const { value } = patch
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('error decoding YAML: an applied configuration must be an object')
  const object = copyJson(value) as Record<string, unknown>
  if (typeof object['apiVersion'] !== 'string' || typeof object['kind'] !== 'string')
    throw badRequest('invalid object type: /, Kind=: an applied configuration must have apiVersion and kind')
  checkSameKind(object, expected)
  const applied = conform(object, expected, patch.duplicates, request) as KubeObject
  if (applied.metadata?.managedFields !== undefined && applied.metadata.managedFields.length > 0)
    throw badRequest('metadata.managedFields must be nil')
  if (!declaration.verbs.includes('patch')) throw badRequest(`${declaration.kind.kind} cannot be applied`)
  return applied
}
