/**
 * Hands out the addresses of a node's pod range. The network, broadcast and reserved addresses (the gateway) are never given. An
 * address that came back is given again last, so that nobody's stale connection meets another pod at once.
 */
export class AddressPool {
  readonly #first: number
  readonly #last: number
  readonly #taken = new Map<number, string>()
  #next: number

  /** `cidr` is an IPv4 range; throws a RangeError where it is none or too small. */
  constructor(cidr: string, reserved: readonly string[]) {
    const { base, size } = parseCidr(cidr)
    if (size < 4) throw new RangeError(`pod range "${cidr}" has no room for pods: at least a /30 is needed`)
    this.#first = base + 1
    this.#last = base + size - 2
    this.#next = this.#first
    for (const address of reserved) {
      const number = parseAddress(address)
      if (number !== undefined && number >= this.#first && number <= this.#last) this.#taken.set(number, 'reserved')
    }
  }

  /** The address of a pod: the one it has, or a free one; `undefined` when all are taken. */
  take(uid: string): string | undefined {
    for (const [address, owner] of this.#taken) if (owner === uid) return formatAddress(address)
    const count = this.#last - this.#first + 1
    for (let step = 0; step < count; step++) {
      const candidate = this.#first + ((this.#next - this.#first + step) % count)
      if (this.#taken.has(candidate)) continue
      this.#taken.set(candidate, uid)
      this.#next = candidate + 1
      return formatAddress(candidate)
    }
    return undefined
  }

  /** Notes that a pod already has an address, found in its sandbox. Addresses of other ranges are ignored. */
  restore(uid: string, address: string): void {
    const number = parseAddress(address)
    if (number === undefined || number < this.#first || number > this.#last) return
    this.#taken.set(number, uid)
    if (number >= this.#next) this.#next = number + 1
  }

  /** Gives a pod's address back. */
  release(uid: string): void {
    for (const [address, owner] of this.#taken) if (owner === uid) this.#taken.delete(address)
  }
}

/** The first address and the number of addresses of an IPv4 range such as `10.244.0.0/24`. */
export function parseCidr(cidr: string): { readonly base: number; readonly size: number } {
  const match = /^([0-9.]+)\/(\d{1,2})$/.exec(cidr)
  const address = match === null ? undefined : parseAddress(match[1]!)
  const bits = match === null ? NaN : Number(match[2])
  if (address === undefined || bits > 32) throw new RangeError(`"${cidr}" is no IPv4 range: it must look like 10.244.0.0/24`)
  const size = 2 ** (32 - bits)
  return { base: Math.floor(address / size) * size, size }
}

function parseAddress(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined
  return parts.reduce((number, part) => number * 256 + Number(part), 0)
}

const formatAddress = (number: number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
