/** Bits of a node's share of the pod network: room for 254 pods. */
const nodeBits = 24

export interface PodRangesOptions {
  /** The cluster's pod network, e.g. `10.244.0.0/16`. */
  readonly podCidr: string
  /** The node that alone gets the first range, since the gateway of its host is in it. */
  readonly firstNode?: string
  /** Whether ranges behind the network are given when it is full: addresses of simulated pods, which reach nobody. */
  readonly goesBeyond?: boolean
}

/** Which node has which range of the pod network. Not told of the API: whoever has one tells of nodes that come and go. */
export class PodRanges {
  readonly #base: number
  readonly #count: number
  readonly #firstNode: string | undefined
  readonly #goesBeyond: boolean
  readonly #owners = new Map<number, string>()
  /** No range below this one is free. */
  #lowest = 0

  /** Throws a `RangeError` for a network that has no room for a node. */
  constructor({ podCidr, firstNode, goesBeyond = false }: PodRangesOptions) {
    const parsed = parse(podCidr)
    if (parsed === undefined || parsed.bits > nodeBits)
      throw new RangeError(`podCidr: ${JSON.stringify(podCidr)} is not an IPv4 network of at most ${nodeBits} bits`)
    this.#base = parsed.base
    this.#count = 2 ** (nodeBits - parsed.bits)
    this.#firstNode = firstNode
    this.#goesBeyond = goesBeyond
  }

  /** Notes that a node has a range; answers the node that had it before, where that is another one. Ranges outside of the network are nobody's. */
  note(node: string, podCidr: string): string | undefined {
    const index = this.#indexOf(podCidr)
    if (index === undefined) return undefined
    const owner = this.#owners.get(index)
    if (owner !== undefined && owner !== node) return owner
    this.#owners.set(index, node)
    return undefined
  }

  /** The node's range is free again, if it was that node's. */
  release(node: string, podCidr: string): void {
    const index = this.#indexOf(podCidr)
    if (index === undefined || this.#owners.get(index) !== node) return
    this.#owners.delete(index)
    this.#lowest = Math.min(this.#lowest, index)
  }

  /** A range for a node, noted as its own: the one it would like where that is free, else the lowest one; `undefined` when all are taken. */
  take(node: string, preferred?: string): string | undefined {
    const wish = preferred === undefined ? undefined : this.#indexOf(preferred)
    const index = wish !== undefined && this.#mayHave(node, wish) ? wish : this.#lowestFor(node)
    if (index === undefined) return undefined
    this.#owners.set(index, node)
    return this.#format(index)
  }

  #mayHave(node: string, index: number): boolean {
    return !this.#owners.has(index) && (index !== 0 || this.#firstNode === undefined || this.#firstNode === node)
  }

  #lowestFor(node: string): number | undefined {
    const end = this.#goesBeyond ? Infinity : this.#count
    while (this.#owners.has(this.#lowest)) this.#lowest++
    for (let index = this.#lowest; index < end; index++) if (this.#mayHave(node, index)) return index
    return undefined
  }

  #indexOf(text: string): number | undefined {
    const range = parse(text)
    if (range === undefined || range.bits !== nodeBits) return undefined
    const index = (range.base - this.#base) / 256
    return index >= 0 && (index < this.#count || this.#goesBeyond) ? index : undefined
  }

  #format(index: number): string {
    const base = this.#base + index * 256
    return `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.')}/${nodeBits}`
  }
}

function parse(text: string): { readonly base: number; readonly bits: number } | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  if (match === null) return undefined
  const octets = match.slice(1, 5).map(Number)
  const bits = Number(match[5])
  const base = octets.reduce((number, octet) => number * 256 + octet, 0)
  return octets.some((octet) => octet > 255) || bits > 32 || base % 2 ** (32 - bits) !== 0 ? undefined : { base, bits }
}
