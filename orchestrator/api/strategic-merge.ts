import { isDeepStrictEqual } from 'node:util'
import { definitionOf, type Definition, type Shape } from './definition.ts'
import { badRequest } from './status-error.ts'

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const elementOrderPrefix = '$setElementOrder/'
const deletePrefix = '$deleteFromPrimitiveList/'

/** What a map or a struct gives for its members: nothing is known of values without a schema. */
type ShapeOf = (field: string) => Shape | undefined

const shapesOf =
  (definition: Definition): ShapeOf =>
  (field) =>
    definition.fields.get(field)
const noShapes: ShapeOf = () => undefined

function memberShapes(shape: Shape | undefined): ShapeOf {
  if (shape?.type === 'struct') return shapesOf(shape.definition)
  return shape?.type === 'map' ? () => shape.values : noShapes
}

/**
 * Kubernetes' strategic merge patch by the merge keys of `definition`: maps merge, nulls delete, lists with a merge key merge by it, lists
 * of scalars with the merge strategy unite, all other lists are replaced. The directives `$patch` (replace, delete, merge), `$retainKeys`,
 * `$deleteFromPrimitiveList/…` and `$setElementOrder/…` are obeyed. `document` stays as it is. Throws 400 for bad directives.
 */
export function applyStrategicMergePatch(document: unknown, patch: unknown, definition: string): unknown {
  if (!isObject(patch)) throw badRequest('error decoding patch: a strategic merge patch must be an object')
  return mergeObject(isObject(document) ? document : {}, patch, shapesOf(definitionOf(definition)))
}

function mergeObject(original: Fields, patch: Fields, shapes: ShapeOf): Fields {
  const directive = patch['$patch']
  if (directive === 'replace') return withoutDirectives(patch, shapes)
  if (directive === 'delete') return {}
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive)
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(retained(original, patch['$retainKeys'])))
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith('$')) continue
    if (value === null) delete result[field]
    else
      define(
        result,
        field,
        mergeMember(Object.hasOwn(result, field) ? result[field] : undefined, value, { field, patch, shape: shapes(field) }),
      )
  }
  applyLooseDirectives(result, patch, shapes)
  return result
}

/** Sets a member without ever reaching the prototype. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

function unknownDirective(directive: unknown) {
  return badRequest(`unknown patch type: ${JSON.stringify(directive)} for $patch: supported values: "replace", "delete", "merge"`)
}

function retained(original: Fields, keys: unknown): Fields {
  if (keys === undefined) return original
  if (!Array.isArray(keys)) throw badRequest('$retainKeys: must be a list of field names')
  return Object.fromEntries(Object.entries(original).filter(([field]) => keys.includes(field)))
}

interface Member {
  readonly field: string
  readonly patch: Fields
  readonly shape: Shape | undefined
}

function mergeMember(original: unknown, value: unknown, { field, patch, shape }: Member): unknown {
  if (isObject(value)) return mergeObject(isObject(original) ? original : {}, value, memberShapes(shape))
  if (!Array.isArray(value)) return value
  const order = patch[elementOrderPrefix + field]
  if (shape?.mergesOnPatch !== true) return value.map((item) => stripNested(item, shape?.items))
  const list = Array.isArray(original) ? original : []
  if (shape.patchMergeKey !== undefined) return mergeByKey(list, value, { shape, order, key: shape.patchMergeKey })
  return mergeScalars(list, value, { order, removed: patch[deletePrefix + field] })
}

/** Order and deletion directives of lists that the patch does not give themselves. */
function applyLooseDirectives(result: Record<string, unknown>, patch: Fields, shapes: ShapeOf): void {
  for (const directive of Object.keys(patch)) {
    const isDeletion = directive.startsWith(deletePrefix)
    if (!isDeletion && !directive.startsWith(elementOrderPrefix)) continue
    const field = directive.slice(directive.indexOf('/') + 1)
    if (Object.hasOwn(patch, field) || !Array.isArray(result[field])) continue
    const shape = shapes(field)
    const list = result[field] as unknown[]
    const order = patch[elementOrderPrefix + field]
    if (shape?.patchMergeKey !== undefined) result[field] = mergeByKey(list, [], { shape, order, key: shape.patchMergeKey })
    else result[field] = mergeScalars(list, [], { order, removed: patch[deletePrefix + field] })
  }
}

/** Object patches inside a list that is replaced whole lose their nulls and directives as well. */
function stripNested(item: unknown, shape: Shape | undefined): unknown {
  return isObject(item) ? withoutDirectives(item, memberShapes(shape)) : item
}

function withoutDirectives(patch: Fields, shapes: ShapeOf): Fields {
  const { $patch: _, ...rest } = patch
  return mergeObject({}, rest, shapes)
}

interface ScalarMerge {
  readonly order: unknown
  readonly removed: unknown
}

function mergeScalars(original: readonly unknown[], added: readonly unknown[], { order, removed }: ScalarMerge): unknown[] {
  const gone = Array.isArray(removed) ? removed : []
  const merged = [...new Set([...original, ...added])].filter((item) => !gone.includes(item))
  return Array.isArray(order) ? inOrder(merged, order, (item) => item) : merged
}

interface KeyedMerge {
  readonly shape: Shape
  readonly order: unknown
  readonly key: string
}

function mergeByKey(original: readonly unknown[], patch: readonly unknown[], { shape, order, key }: KeyedMerge): unknown[] {
  const items = patch.map((item) => {
    if (!isObject(item)) throw badRequest(`a list with merge key ${key} can only hold objects`)
    return item
  })
  const replaces = items.some((item) => item['$patch'] === 'replace' && Object.keys(item).length === 1)
  const result: unknown[] = replaces ? [] : [...original]
  for (const item of items) applyItem(result, item, { shape, key })
  return Array.isArray(order) ? inOrder(result, order.map(keyReader(key)), keyReader(key)) : result
}

const keyReader = (key: string) => (item: unknown) => (isObject(item) ? item[key] : undefined)

function applyItem(result: unknown[], item: Fields, { shape, key }: { readonly shape: Shape; readonly key: string }): void {
  const directive = item['$patch']
  if (directive === 'replace' && Object.keys(item).length === 1) return
  const value = item[key]
  if (value === undefined) throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
  const matches = (candidate: unknown) => isObject(candidate) && isDeepStrictEqual(candidate[key], value)
  if (directive === 'delete') {
    for (let at = result.length - 1; at >= 0; at--) if (matches(result[at])) result.splice(at, 1)
    return
  }
  const at = result.findIndex(matches)
  const merged = mergeObject(at < 0 ? {} : (result[at] as Fields), item, memberShapes(shape.items))
  if (at < 0) result.push(merged)
  else result[at] = merged
}

/**
 * Sorts by a wanted order of keys. Items that the order doesn't name keep their place relative to the named ones around them: each follows
 * the item that came before it.
 */
function inOrder<T>(items: readonly T[], order: readonly unknown[], keyOf: (item: T) => unknown): T[] {
  const rank = (item: T) => order.findIndex((key) => isDeepStrictEqual(key, keyOf(item)))
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b))
  const result = [...named]
  items.forEach((item, at) => {
    if (rank(item) >= 0) return
    const before = at === 0 ? -1 : result.indexOf(items[at - 1]!)
    result.splice(before + 1, 0, item)
  })
  return result
}
