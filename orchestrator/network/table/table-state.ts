import { createHash } from 'node:crypto'

/** One rule: its nft text, and the hash of that text, which the kernel keeps as the rule's comment. */
export interface Rule {
  readonly id: string
  readonly text: string
}

/** A chain with its rules in order. A base chain has a `hook`. */
export interface Chain {
  readonly hook: ChainHook | undefined
  readonly rules: readonly Rule[]
}

export interface ChainHook {
  readonly type: 'nat' | 'filter'
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
  readonly priority: number
}

/** A set or a map. `valueType` makes it a map. With `timeoutSeconds` the packet path fills it, and its elements are not ours to plan. */
export interface Collection {
  readonly keyType: readonly string[]
  readonly valueType: 'verdict' | undefined
  readonly timeoutSeconds: number | undefined
}

/**
 * What one nftables table holds, as plain data: the desired one comes from a plan, the present one from reading the kernel back.
 * Element values are verdict texts (`goto NAME`), '' for sets.
 */
export interface TableState {
  readonly chains: ReadonlyMap<string, Chain>
  readonly collections: ReadonlyMap<string, Collection>
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** 16 hex digits that identify a list of texts. */
export function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

/** A rule with its identity. */
export function ruleOf(text: string): Rule {
  return { id: createHash('sha256').update(text).digest('hex').slice(0, 16), text }
}

/** How many elements go into one nft statement. */
const elementsPerStatement = 500

/**
 * The nft statements that turn `present` into `desired`, `undefined` being no table: one atomic transaction, '' when there is nothing to do. Where a
 * base chain or a collection has another shape, the whole table is replaced (still in one transaction); else only what differs is touched.
 */
export function planTransaction(table: string, present: TableState | undefined, desired: TableState | undefined): string {
  if (desired === undefined) return present === undefined ? '' : planRemoval(table)
  if (present === undefined || !isSameShape(present, desired)) return replacement(table, desired)
  const lines = [
    ...addCollections(table, desired, (name) => !present.collections.has(name)),
    ...addChains(table, desired, (name) => !present.chains.has(name)),
    ...changeElements('delete', table, present, desired),
    ...flushChains(table, present, desired),
    ...addRules(table, desired, (name) => !hasSameRules(present.chains.get(name), desired.chains.get(name))),
    ...changeElements('add', table, desired, present),
    ...removed(present.chains, desired.chains).map((name) => `delete chain ip ${table} ${name}`),
    ...removed(present.collections, desired.collections).map((name) => `delete set ip ${table} ${name}`),
  ]
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** The statements that remove the table, also where it does not exist. */
export function planRemoval(table: string): string {
  return `add table ip ${table}\ndelete table ip ${table}\n`
}

const emptyState: TableState = { chains: new Map(), collections: new Map(), elements: new Map() }

function replacement(table: string, desired: TableState): string {
  const always = () => true
  const lines = [
    `add table ip ${table}`,
    ...addCollections(table, desired, always),
    ...addChains(table, desired, always),
    ...addRules(table, desired, always),
    ...changeElements('add', table, desired, emptyState),
  ]
  return `${planRemoval(table)}${lines.join('\n')}\n`
}

function isSameShape(present: TableState, desired: TableState): boolean {
  for (const [name, chain] of desired.chains) {
    const other = present.chains.get(name)
    if (other !== undefined && describeHook(other.hook) !== describeHook(chain.hook)) return false
  }
  for (const [name, collection] of desired.collections) {
    const other = present.collections.get(name)
    if (other !== undefined && describeCollection(other) !== describeCollection(collection)) return false
  }
  // A base chain that is not in the plan would go on seeing packets until its rules are gone, and may be somebody's test: start anew.
  return removed(present.chains, desired.chains).every((name) => present.chains.get(name)?.hook === undefined)
}

function describeHook(hook: ChainHook | undefined): string {
  return hook === undefined ? '' : `type ${hook.type} hook ${hook.hook} priority ${hook.priority}`
}

function describeCollection(collection: Collection): string {
  const { keyType, valueType, timeoutSeconds } = collection
  const type = `type ${keyType.join(' . ')}${valueType === undefined ? '' : ` : ${valueType}`} ;`
  return timeoutSeconds === undefined ? type : `${type} flags dynamic,timeout ; timeout ${timeoutSeconds}s ;`
}

function addCollections(table: string, state: TableState, isWanted: (name: string) => boolean): readonly string[] {
  return [...state.collections]
    .filter(([name]) => isWanted(name))
    .map(([name, collection]) => {
      const keyword = collection.valueType === undefined ? 'set' : 'map'
      return `add ${keyword} ip ${table} ${name} { ${describeCollection(collection)} }`
    })
}

function addChains(table: string, state: TableState, isWanted: (name: string) => boolean): readonly string[] {
  return [...state.chains]
    .filter(([name]) => isWanted(name))
    .map(([name, chain]) => `add chain ip ${table} ${name}${chain.hook === undefined ? '' : ` { ${describeHook(chain.hook)} ; }`}`)
}

function addRules(table: string, state: TableState, isWanted: (name: string) => boolean): readonly string[] {
  return [...state.chains]
    .filter(([name]) => isWanted(name))
    .flatMap(([name, chain]) => chain.rules.map((rule) => `add rule ip ${table} ${name} ${rule.text} comment "${rule.id}"`))
}

function hasSameRules(left: Chain | undefined, right: Chain | undefined): boolean {
  if (left === undefined || right === undefined) return (left ?? right)?.rules.length === 0
  return left === right || (left.rules.length === right.rules.length && left.rules.every((rule, i) => rule.id === right.rules[i]?.id))
}

/** Flushes chains whose rules change or that go. */
function flushChains(table: string, present: TableState, desired: TableState): readonly string[] {
  return [...present.chains]
    .filter(([name, chain]) => chain.rules.length > 0 && !hasSameRules(chain, desired.chains.get(name)))
    .map(([name]) => `flush chain ip ${table} ${name}`)
}

/** Statements for the elements that `from` has and `other` has not, or has with another value. */
function changeElements(verb: 'add' | 'delete', table: string, from: TableState, other: TableState): readonly string[] {
  const lines: string[] = []
  for (const [name, elements] of from.elements) {
    const counterpart = other.elements.get(name)
    if (elements === counterpart) continue
    const changed: string[] = []
    for (const [key, value] of elements) {
      if (counterpart?.get(key) === value) continue
      changed.push(verb === 'delete' || value === '' ? key : `${key} : ${value}`)
    }
    for (let start = 0; start < changed.length; start += elementsPerStatement) {
      const batch = changed.slice(start, start + elementsPerStatement).join(', ')
      lines.push(`${verb} element ip ${table} ${name} { ${batch} }`)
    }
  }
  return lines
}

function removed(present: ReadonlyMap<string, unknown>, desired: ReadonlyMap<string, unknown>): readonly string[] {
  return [...present.keys()].filter((name) => !desired.has(name))
}
