/**
 * A set of field paths, as `managedFields` keeps them. A node may be a member itself and have members below.
 * Keys are FieldsV1's: `f:name` a field or map key, `k:{"name":"a"}` a list item by its keys, `v:"text"` an item of a set.
 */
export interface FieldSet {
  readonly isMember: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

const none: ReadonlyMap<string, FieldSet> = new Map()

/** The set without paths. */
export const emptySet: FieldSet = { isMember: false, children: none }
/** The set that has its own root only. */
export const leaf: FieldSet = { isMember: true, children: none }

/** Whether nothing is in the set. */
export function isEmptySet(set: FieldSet): boolean {
  return !set.isMember && set.children.size === 0
}

/** A set from `fieldsV1`; whatever is no object there counts as a plain member. */
export function parseFieldSet(fields: unknown): FieldSet {
  if (typeof fields !== 'object' || fields === null) return leaf
  const children = new Map<string, FieldSet>()
  let isMember = false
  for (const [key, value] of Object.entries(fields)) {
    if (key === '.') isMember = true
    else children.set(key, parseFieldSet(value))
  }
  return { isMember: isMember || children.size === 0, children }
}

/** The JSON of `fieldsV1`, with sorted keys. */
export function formatFieldSet(set: FieldSet): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  if (set.isMember && set.children.size > 0) result['.'] = {}
  for (const key of [...set.children.keys()].sort()) result[key] = formatFieldSet(set.children.get(key)!)
  return result
}

/** Every path of either set. */
export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b
  if (isEmptySet(b)) return a
  const children = new Map(a.children)
  for (const [key, child] of b.children) {
    const own = children.get(key)
    children.set(key, own === undefined ? child : unionOf(own, child))
  }
  return { isMember: a.isMember || b.isMember, children }
}

/** The paths of the first set that the second doesn't have. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, differenceOf, (isMember, other) => isMember && !other)
}

/** The paths of both sets. */
export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, intersectionOf, (isMember, other) => isMember && other)
}

function combine(
  a: FieldSet,
  b: FieldSet,
  combineChildren: (a: FieldSet, b: FieldSet) => FieldSet,
  decide: (a: boolean, b: boolean) => boolean,
): FieldSet {
  const children = new Map<string, FieldSet>()
  for (const [key, child] of a.children) {
    const combined = combineChildren(child, b.children.get(key) ?? emptySet)
    if (!isEmptySet(combined)) children.set(key, combined)
  }
  return { isMember: decide(a.isMember, b.isMember), children }
}

/** Whether two sets have the same paths. */
export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return isEmptySet(differenceOf(a, b)) && isEmptySet(differenceOf(b, a))
}

/** Each path as upstream's conflicts name it: `.spec.containers[name="a"].image`. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const own = set.isMember && prefix !== '' ? [prefix] : []
  return [...own, ...[...set.children].flatMap(([key, child]) => pathsOf(child, prefix + elementText(key)))]
}

function elementText(key: string): string {
  const text = key.slice(2)
  if (key.startsWith('f:')) return `.${text}`
  if (key.startsWith('v:')) return `[=${text}]`
  try {
    const keys = JSON.parse(text) as Record<string, unknown>
    return `[${Object.entries(keys)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(',')}]`
  } catch {
    return `[${text}]`
  }
}
