/** A deep copy of a JSON value. */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => copyJson<unknown>(item)) as T
  const source = value as Record<string, unknown>
  const copy: Record<string, unknown> = {}
  for (const name in source) {
    const member = source[name]
    if (member === undefined || name === '__proto__') continue
    copy[name] = typeof member === 'object' ? copyJson(member) : member
  }
  return copy as T
}

/** Whether two JSON values are the same; absent and `undefined` members are one. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSameJson(item, b[index]))
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const name in left) if (!isSameJson(left[name], right[name])) return false
  for (const name in right) if (right[name] !== undefined && left[name] === undefined) return false
  return true
}
