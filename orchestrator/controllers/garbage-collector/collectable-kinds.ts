import { resourceRows } from '../../api/generated/resources.ts'
import type { Kind } from '../../api/object.ts'

/** Objects that come and go in numbers and own nothing. */
const ignored = new Set(['/events', 'events.k8s.io/events'])

/** The built-in kinds whose objects can own or be owned: each once, in its best version. */
export function collectableKinds(): readonly Kind[] {
  const best = new Map<string, Kind>()
  for (const { group, version, kind, plural, isNamespaced, verbs } of resourceRows) {
    const id = `${group}/${plural}`
    if (ignored.has(id) || !['list', 'watch', 'delete', 'patch'].every((verb) => verbs.includes(verb))) continue
    const current = best.get(id)
    if (current === undefined || rankOf(version) > rankOf(current.version)) best.set(id, { group, version, kind, plural, isNamespaced })
  }
  return [...best.values()]
}

/** v2 before v1 before v1beta1 before v1alpha1. */
function rankOf(version: string): number {
  const [, major, stage, step] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? []
  const stability = stage === undefined ? 2 : stage === 'beta' ? 1 : 0
  return stability * 1e6 + Number(major ?? 0) * 1e3 + Number(step ?? 0)
}
