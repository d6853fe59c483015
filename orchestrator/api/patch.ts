import { badRequest } from './status-error.ts'

export { applyJsonPatch } from './json-patch.ts'
export { applyStrategicMergePatch } from './strategic-merge.ts'

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 7396. A copy that shares unchanged parts; `document` stays as it is. Throws 400 when the patch is no object. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw badRequest('error decoding patch: a merge patch must be an object')
  return mergeValue(document, patch)
}

function mergeValue(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(document) ? { ...document } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else {
      const merged = mergeValue(Object.hasOwn(result, key) ? result[key] : undefined, value)
      // Never assigned: `__proto__` must become a plain member.
      Object.defineProperty(result, key, { value: merged, enumerable: true, configurable: true, writable: true })
    }
  }
  return result
}
