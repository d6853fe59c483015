import { createHash } from 'node:crypto'
import type { CoreV1PodTemplateSpec } from '../api/generated/kinds.ts'

/** Letters and digits that name a template: the same template gives the same text; `collisions` gives another where a name is taken. */
export function hashTemplate(template: CoreV1PodTemplateSpec, collisions: number): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789'
  const digest = createHash('sha256')
    .update(JSON.stringify([sortKeys(template), collisions]))
    .digest()
  return [...digest.subarray(0, 10)].map((byte) => alphabet[byte % alphabet.length]).join('')
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sortKeys(inner)]),
  )
}
