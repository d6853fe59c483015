/** RFC 6902. The result of the operations on a copy; `document` stays as it is. Throws 400 for malformed operations, 422 where one cannot be applied. */
export function applyJsonPatch(document: unknown, _operations: unknown): unknown {
  return document
}

/** RFC 7396. A copy that shares unchanged parts; `document` stays as it is. */
export function applyMergePatch(document: unknown, _patch: unknown): unknown {
  return document
}

/** Kubernetes' strategic merge by the merge keys of `definition`, with its `$` directives. `document` stays as it is. Throws 400 for bad directives. */
export function applyStrategicMergePatch(document: unknown, _patch: unknown, _definition: string): unknown {
  return document
}
