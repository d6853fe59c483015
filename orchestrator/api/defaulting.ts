import type { KindDeclaration } from './kind-declaration.ts'
import type { KubeObject } from './object.ts'

/**
 * Fills what a client left out, as upstream does on decoding. Changes `object`, which must be the caller's own copy, and returns it.
 * Besides the kind's defaults, the objects that upstream's JSON always carries (`metadata`, `spec`, `status`) are written as `{}`.
 * Applying it twice changes nothing.
 */
export function applyDefaults<T extends KubeObject>(declaration: KindDeclaration<T>, object: T): T {
  const fields = object as unknown as Record<string, unknown>
  fields['metadata'] ??= {}
  for (const name of declaration.alwaysWritten) fields[name] ??= {}
  declaration.setDefaults?.(object)
  return object
}
