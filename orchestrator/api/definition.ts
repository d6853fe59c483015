import { readFileSync } from 'node:fs'

/** A type's row in `data/kubernetes-1.35-types.json`. */
export interface TypeRow extends ShapeRow {
  readonly gvk?: readonly (readonly [string, string, string])[]
  readonly fields?: Readonly<Record<string, ShapeRow>>
  readonly required?: readonly string[]
}

/** A field's row. */
export interface ShapeRow {
  readonly type?: string
  readonly format?: string
  readonly ref?: string
  readonly items?: ShapeRow
  readonly values?: ShapeRow
  readonly 'list-type'?: 'atomic' | 'set' | 'map'
  readonly 'list-map-keys'?: readonly string[]
  readonly 'map-type'?: 'atomic' | 'granular'
  readonly 'patch-strategy'?: string
  readonly 'patch-merge-key'?: string
}

/** What a value may be. `any` is JSON without a schema (embedded objects, field sets). */
export type ShapeType =
  | 'struct'
  | 'array'
  | 'map'
  | 'string'
  | 'bytes'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  | 'quantity'
  | 'time'
  | 'intOrString'
  | 'any'

/** Definitions whose JSON form is not their row's. */
const specialTypes: Readonly<Record<string, ShapeType>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'time',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'intOrString',
}

/** A compiled type of a value. Nested ones resolve on first use, so recursive definitions are fine. */
export class Shape {
  readonly type: ShapeType
  readonly items: Shape | undefined
  readonly values: Shape | undefined
  readonly listType: 'atomic' | 'set' | 'map' | undefined
  readonly listMapKeys: readonly string[]
  readonly isAtomicMap: boolean
  readonly patchMergeKey: string | undefined
  readonly mergesOnPatch: boolean
  readonly retainsKeysOnPatch: boolean
  private readonly ref: string | undefined
  private resolved: Definition | undefined

  constructor(row: ShapeRow) {
    this.ref = row.ref
    this.type = shapeType(row)
    this.items = row.items === undefined ? undefined : new Shape(row.items)
    this.values = row.values === undefined ? undefined : new Shape(row.values)
    this.listType = row['list-type']
    this.listMapKeys = row['list-map-keys'] ?? []
    this.isAtomicMap = row['map-type'] === 'atomic' || (row.ref !== undefined && typeRow(row.ref)?.['map-type'] === 'atomic')
    this.patchMergeKey = row['patch-merge-key']
    const strategies = row['patch-strategy']?.split(',') ?? []
    this.mergesOnPatch = strategies.includes('merge')
    this.retainsKeysOnPatch = strategies.includes('retainKeys')
  }

  /** The struct's definition; only for `type: 'struct'`. */
  get definition(): Definition {
    this.resolved ??= definitionOf(this.ref!)
    return this.resolved
  }

  /** The Go type as upstream's decoding errors print it. */
  get goType(): string {
    switch (this.type) {
      case 'struct':
      case 'quantity':
      case 'time':
      case 'intOrString':
        return goTypeName(this.ref ?? 'string')
      case 'array':
        return `[]${this.items?.goType ?? 'interface {}'}`
      case 'map':
        return `map[string]${this.values?.goType ?? 'interface {}'}`
      case 'bytes':
        return '[]uint8'
      case 'boolean':
        return 'bool'
      case 'double':
        return 'float64'
      case 'any':
        return 'interface {}'
      default:
        return this.type
    }
  }
}

/** A compiled struct. */
export interface Definition {
  readonly name: string
  /** The last part of the name: `PodSpec`. */
  readonly shortName: string
  readonly fields: ReadonlyMap<string, Shape>
  readonly required: readonly string[]
}

/** `io.k8s.api.core.v1.PodSpec` → `v1.PodSpec`. */
function goTypeName(definition: string): string {
  return definition.split('.').slice(-2).join('.')
}

function shapeType(row: ShapeRow): ShapeType {
  if (row.ref !== undefined) {
    const special = specialTypes[row.ref]
    if (special !== undefined) return special
    const target = typeRow(row.ref)
    if (target?.fields !== undefined) return 'struct'
    // Structs without fields ({"type":"object"} and nothing more) hold nothing that could be checked; embedded JSON holds anything.
    return 'any'
  }
  if (row.type === 'array') return 'array'
  if (row.type === 'object') return row.values === undefined ? 'any' : 'map'
  if (row.type === 'boolean') return 'boolean'
  if (row.type === 'number') return 'double'
  if (row.type === 'integer') return row.format === 'int32' ? 'int32' : 'int64'
  if (row.type === 'string') return row.format === 'byte' ? 'bytes' : 'string'
  return 'any'
}

// The table is read once, on first use, and its lines are parsed only for the types that come up: most servers see a tenth of them.
let lines: Map<string, string> | undefined
const rows = new Map<string, TypeRow>()
const definitions = new Map<string, Definition>()

function tableLines(): Map<string, string> {
  if (lines !== undefined) return lines
  lines = new Map()
  const text = readFileSync(new URL('data/kubernetes-1.35-types.json', import.meta.url), 'latin1')
  for (const match of text.matchAll(/^"([^"]+)": (.*?),?$/gm)) lines.set(match[1]!, match[2]!)
  return lines
}

/** Every definition's name. */
export function definitionNames(): Iterable<string> {
  return tableLines().keys()
}

/** The table's row of a definition. */
export function typeRow(name: string): TypeRow | undefined {
  const known = rows.get(name)
  if (known !== undefined) return known
  const line = tableLines().get(name)
  if (line === undefined) return undefined
  const row = JSON.parse(line) as TypeRow
  rows.set(name, row)
  return row
}

/** A compiled definition; throws a RangeError for a name that the tables don't have (a programming error). */
export function definitionOf(name: string): Definition {
  const known = definitions.get(name)
  if (known !== undefined) return known
  const row = typeRow(name)
  if (row === undefined) throw new RangeError(`no definition named ${name}`)
  const fields = new Map(Object.entries(row.fields ?? {}).map(([field, shape]) => [field, new Shape(shape)]))
  const definition: Definition = { name, shortName: name.slice(name.lastIndexOf('.') + 1), fields, required: row.required ?? [] }
  definitions.set(name, definition)
  return definition
}

let gvkIndex: ReadonlyMap<string, string> | undefined

/** Definition names by `group/version/kind`. */
export function definitionsByGvk(): ReadonlyMap<string, string> {
  if (gvkIndex !== undefined) return gvkIndex
  const index = new Map<string, string>()
  for (const [name, line] of tableLines()) {
    if (!line.includes('"gvk"')) continue
    const gvks = typeRow(name)!.gvk!
    // Types shared by all groups (DeleteOptions, WatchEvent) name dozens; they are no resource's own.
    for (const [group, version, kind] of gvks.length > 5 ? [] : gvks) index.set(`${group}/${version}/${kind}`, name)
  }
  gvkIndex = index
  return index
}

/** The definition of a kind, served on its own or not: `definitionByGvk('policy', 'v1', 'Eviction')`. */
export function definitionByGvk(group: string, version: string, kind: string): string | undefined {
  return definitionsByGvk().get(`${group}/${version}/${kind}`)
}
