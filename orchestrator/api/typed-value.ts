import { isDeepStrictEqual } from 'node:util'
import { definitionOf, type Definition, type Shape } from './definition.ts'
import { emptySet, isEmptySet, leaf, type FieldSet } from './field-set.ts'

type Fields = Readonly<Record<string, unknown>>

/** What a value is to server-side apply: merged by field, by item, or replaced whole. */
type Structure =
  | { readonly type: 'fields'; readonly shapeOf: (field: string) => Shape | undefined }
  | { readonly type: 'items'; readonly items: Shape; readonly keys: readonly string[] }
  | { readonly type: 'set' }
  | { readonly type: 'atomic' }

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const atomic: Structure = { type: 'atomic' }

function fieldsOf(definition: Definition): Structure {
  return { type: 'fields', shapeOf: (field) => definition.fields.get(field) }
}

/** How a definition's objects are structured. */
export function structureOf(definition: string): Structure {
  return fieldsOf(definitionOf(definition))
}

function structureOfShape(shape: Shape | undefined): Structure {
  if (shape === undefined || shape.isAtomicMap) return atomic
  if (shape.type === 'struct') return fieldsOf(shape.definition)
  if (shape.type === 'map') return { type: 'fields', shapeOf: () => shape.values }
  if (shape.type !== 'array') return atomic
  if (shape.listType === 'map') return { type: 'items', items: shape.items!, keys: shape.listMapKeys }
  return shape.listType === 'set' ? { type: 'set' } : atomic
}

/** Keys of list items that may be left out because they have a default. */
const keyDefaults: Readonly<Record<string, unknown>> = { protocol: 'TCP' }

function itemKey(item: unknown, keys: readonly string[]): string {
  const values = keys
    .map((key) => [key, (isObject(item) ? item[key] : undefined) ?? keyDefaults[key]])
    .filter(([, value]) => value !== undefined)
  return `k:${JSON.stringify(Object.fromEntries(values.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))))}`
}

/** A value's parts by their FieldsV1 key, with what each is; `undefined` for a value that has no parts of its own. */
function partsOf(value: unknown, structure: Structure): Map<string, { value: unknown; structure: Structure }> | undefined {
  if (structure.type === 'fields' && isObject(value)) {
    return new Map(
      Object.entries(value).map(([field, part]) => [`f:${field}`, { value: part, structure: structureOfShape(structure.shapeOf(field)) }]),
    )
  }
  if (structure.type === 'items' && Array.isArray(value)) {
    return new Map(
      value.map((item) => [itemKey(item, structure.keys), { value: item as unknown, structure: structureOfShape(structure.items) }]),
    )
  }
  if (structure.type === 'set' && Array.isArray(value))
    return new Map(value.map((item) => [`v:${JSON.stringify(item)}`, { value: item as unknown, structure: atomic }]))
  return undefined
}

/** Every field that a value sets. An empty object or list is a field itself. */
export function fieldSetOf(value: unknown, structure: Structure): FieldSet {
  const parts = partsOf(value, structure)
  if (parts === undefined || parts.size === 0) return leaf
  const children = new Map([...parts].map(([key, part]) => [key, memberIfItem(key, fieldSetOf(part.value, part.structure))]))
  return { isMember: false, children }
}

/** An item of a list belongs to whoever sets anything in it. */
const memberIfItem = (key: string, set: FieldSet): FieldSet => (key.startsWith('k:') ? { ...set, isMember: true } : set)

/** The fields of `after` that `before` doesn't have, or has with another value. */
export function changedFields(before: unknown, after: unknown, structure: Structure): FieldSet {
  if (before === undefined) return fieldSetOf(after, structure)
  const [old, parts] = [partsOf(before, structure), partsOf(after, structure)]
  if (old === undefined || parts === undefined || old.size === 0 || parts.size === 0)
    return isDeepStrictEqual(before, after) ? emptySet : fieldSetOf(after, structure)
  const children = new Map<string, FieldSet>()
  for (const [key, part] of parts) {
    const known = old.get(key)
    const changed =
      known === undefined
        ? memberIfItem(key, fieldSetOf(part.value, part.structure))
        : changedFields(known.value, part.value, part.structure)
    if (!isEmptySet(changed)) children.set(key, changed)
  }
  return { isMember: false, children }
}

/** `live` with everything that `applied` sets. Neither is changed; parts are shared. */
export function mergeTyped(live: unknown, applied: unknown, structure: Structure): unknown {
  if (structure.type === 'fields' && isObject(live) && isObject(applied)) {
    const merged: Record<string, unknown> = { ...live }
    for (const [field, value] of Object.entries(applied)) {
      const part = mergeTyped(Object.hasOwn(live, field) ? live[field] : undefined, value, structureOfShape(structure.shapeOf(field)))
      // Never assigned: `__proto__` must become a plain member.
      Object.defineProperty(merged, field, { value: part, enumerable: true, configurable: true, writable: true })
    }
    return merged
  }
  if (structure.type === 'items' && Array.isArray(live) && Array.isArray(applied)) return mergeItems(live, applied, structure)
  if (structure.type === 'set' && Array.isArray(live) && Array.isArray(applied))
    return [...new Set([...(live as unknown[]), ...(applied as unknown[])])]
  return applied
}

/** Applied items come in their own order; items that only the live list has keep their place after the item that they followed. */
function mergeItems(
  live: readonly unknown[],
  applied: readonly unknown[],
  { items, keys }: Extract<Structure, { type: 'items' }>,
): unknown[] {
  const keyOf = (item: unknown) => itemKey(item, keys)
  const byKey = new Map(live.map((item) => [keyOf(item), item]))
  const result = applied.map((item) => (byKey.has(keyOf(item)) ? mergeTyped(byKey.get(keyOf(item)), item, structureOfShape(items)) : item))
  const placed = new Set(applied.map(keyOf))
  live.forEach((item, index) => {
    if (placed.has(keyOf(item))) return
    const previousKey = index === 0 ? undefined : keyOf(live[index - 1])
    const at = previousKey === undefined ? -1 : result.findIndex((candidate) => keyOf(candidate) === previousKey)
    result.splice(at + 1, 0, item)
    placed.add(keyOf(item))
  })
  return result
}

/** The value without the fields of a set; objects and lists that lose their last part go, too. `kept` protects whatever is in it. */
export function removeFields(value: unknown, removed: FieldSet, kept: FieldSet, structure: Structure): unknown {
  const parts = partsOf(value, structure)
  if (parts === undefined) return removed.isMember && !kept.isMember ? undefined : value
  if (removed.isMember && isEmptySet(kept)) return undefined
  const results = new Map<string, unknown>()
  let hasChanged = false
  for (const [key, part] of parts) {
    const set = removed.children.get(key)
    const result = set === undefined ? part.value : removeFields(part.value, set, kept.children.get(key) ?? emptySet, part.structure)
    if (result !== part.value) hasChanged = true
    if (result !== undefined) results.set(key, result)
  }
  if (!hasChanged) return value
  if (results.size === 0) return undefined
  if (Array.isArray(value)) return [...results.values()]
  return Object.fromEntries([...results].map(([key, result]) => [key.slice(2), result]))
}
