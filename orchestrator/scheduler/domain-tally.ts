import type { CoreV1Node } from '../api/generated/kinds.ts'

/** The nodes that a tally looks at. */
export interface TalliedNodes {
  /** Changes whenever a node comes, goes, or has other labels or taints. */
  readonly nodesVersion: number
  readonly nodes: Iterable<{ readonly node: CoreV1Node | undefined }>
  node(name: string): { readonly node: CoreV1Node | undefined } | undefined
}

/**
 * Pods counted per node and per domain (a topology label's value), kept up to date pod by pod. What a node's change means for the domains is worked
 * out when somebody looks next.
 */
export class DomainTally {
  readonly topologyKey: string
  readonly #nodes: TalliedNodes
  /** Whose domains count, also those without a pod; `undefined`: every node's, but only domains with pods are known. */
  readonly #isEligible: ((node: CoreV1Node) => boolean) | undefined
  readonly #perNode = new Map<string, number>()
  #perDomain = new Map<string, number>()
  /** How many domains have each count: what the least is, without a look at all of them. */
  #domainsByCount = new Map<number, number>()
  #min = 0
  #version = -1

  constructor(nodes: TalliedNodes, topologyKey: string, isEligible?: (node: CoreV1Node) => boolean) {
    this.#nodes = nodes
    this.topologyKey = topologyKey
    this.#isEligible = isEligible
  }

  /** `amount` is the number of pods that came, or below zero that went. */
  add(nodeName: string, amount: number): void {
    const count = (this.#perNode.get(nodeName) ?? 0) + amount
    if (count === 0) this.#perNode.delete(nodeName)
    else this.#perNode.set(nodeName, count)
    if (this.#version !== this.#nodes.nodesVersion) return
    const domain = this.#domainOf(this.#nodes.node(nodeName)?.node)
    if (domain !== undefined) this.#move(domain, amount)
  }

  /** Whether no pod is counted at all. */
  get isEmpty(): boolean {
    return this.#perNode.size === 0
  }

  /** Pods in a domain; 0 where none are known. */
  count(domain: string): number {
    this.#refresh()
    return this.#perDomain.get(domain) ?? 0
  }

  /** How many domains are known. */
  get domains(): number {
    this.#refresh()
    return this.#perDomain.size
  }

  /** The count of the emptiest domain; 0 where there is none. */
  get min(): number {
    this.#refresh()
    if (this.#perDomain.size === 0) return 0
    while (!this.#domainsByCount.has(this.#min)) this.#min++
    return this.#min
  }

  #domainOf(node: CoreV1Node | undefined): string | undefined {
    if (node === undefined || this.#isEligible?.(node) === false) return undefined
    return node.metadata.labels?.[this.topologyKey]
  }

  #refresh(): void {
    if (this.#version === this.#nodes.nodesVersion) return
    this.#version = this.#nodes.nodesVersion
    this.#perDomain = new Map()
    this.#domainsByCount = new Map()
    this.#min = 0
    if (this.#isEligible !== undefined) {
      for (const { node } of this.#nodes.nodes) {
        const domain = this.#domainOf(node)
        if (domain !== undefined && !this.#perDomain.has(domain)) this.#move(domain, 0)
      }
    }
    for (const [nodeName, count] of this.#perNode) {
      const domain = this.#domainOf(this.#nodes.node(nodeName)?.node)
      if (domain !== undefined) this.#move(domain, count)
    }
  }

  #move(domain: string, amount: number): void {
    const before = this.#perDomain.get(domain)
    const after = (before ?? 0) + amount
    if (before !== undefined) this.#shift(before, -1)
    if (after === 0 && this.#isEligible === undefined) {
      this.#perDomain.delete(domain)
      return
    }
    this.#perDomain.set(domain, after)
    this.#shift(after, 1)
    this.#min = Math.min(this.#min, after)
  }

  #shift(count: number, by: 1 | -1): void {
    const domains = (this.#domainsByCount.get(count) ?? 0) + by
    if (domains === 0) this.#domainsByCount.delete(count)
    else this.#domainsByCount.set(count, domains)
  }
}
