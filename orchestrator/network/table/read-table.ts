import type { Chain, ChainHook, Collection, TableState } from './table-state.ts'

interface NftChain {
  readonly name: string
  readonly type?: ChainHook['type']
  readonly hook?: ChainHook['hook']
  readonly prio?: number
}

interface NftRule {
  readonly chain: string
  readonly comment?: string
}

interface NftCollection {
  readonly name: string
  readonly type: string | readonly string[]
  readonly map?: string
  readonly timeout?: number
  readonly elem?: readonly unknown[]
}

interface NftItem {
  readonly chain?: NftChain
  readonly rule?: NftRule
  readonly set?: NftCollection
  readonly map?: NftCollection
}

/**
 * The state of a table out of `nft -j list table`. A rule is known by its comment, which holds the hash of its text; one without
 * a comment reads as a rule that matches no plan, so its chain is rewritten. Throws a SyntaxError on anything but such a listing.
 */
export function readTable(listing: string): TableState {
  const { nftables } = JSON.parse(listing) as { readonly nftables?: readonly NftItem[] }
  if (!Array.isArray(nftables)) throw new SyntaxError('nft -j list table: no "nftables" array in its answer')
  const chains = new Map<string, { readonly hook: Chain['hook']; readonly rules: { id: string; text: string }[] }>()
  const collections = new Map<string, Collection>()
  const elements = new Map<string, ReadonlyMap<string, string>>()
  for (const item of nftables as readonly NftItem[]) {
    if (item.chain !== undefined) chains.set(item.chain.name, { hook: hookOf(item.chain), rules: [] })
    if (item.rule !== undefined) chains.get(item.rule.chain)?.rules.push({ id: item.rule.comment ?? 'foreign', text: '' })
    const collection = item.set ?? item.map
    if (collection === undefined) continue
    collections.set(collection.name, shapeOf(collection))
    if (collection.timeout === undefined) elements.set(collection.name, elementsOf(collection))
  }
  return { chains, collections, elements }
}

function hookOf({ type, hook, prio }: NftChain): ChainHook | undefined {
  return type === undefined || hook === undefined || prio === undefined ? undefined : { type, hook, priority: prio }
}

function shapeOf({ type, map, timeout }: NftCollection): Collection {
  return {
    keyType: typeof type === 'string' ? [type] : type,
    // The plan's maps hold verdicts only; any other value type must read as a difference.
    valueType: map as Collection['valueType'],
    timeoutSeconds: timeout,
  }
}

function elementsOf({ elem = [], map }: NftCollection): ReadonlyMap<string, string> {
  const entries = elem.map((element): [string, string] => {
    if (map === undefined) return [keyText(element), '']
    const [key, value] = element as readonly [unknown, unknown]
    return [keyText(key), verdictText(value)]
  })
  return new Map(entries)
}

function keyText(key: unknown): string {
  if (typeof key === 'object' && key !== null && 'concat' in key) return (key.concat as readonly unknown[]).map(String).join(' . ')
  return typeof key === 'string' ? key : JSON.stringify(key)
}

function verdictText(value: unknown): string {
  const target = (value as { readonly goto?: { readonly target?: string } } | null)?.goto?.target
  return target === undefined ? JSON.stringify(value) : `goto ${target}`
}
