import type { Random } from '../../../lib/random.ts'
import type { CoreV1Service } from '../../api/generated/kinds.ts'
import type { Change, Store } from '../../store/store.ts'

const prefix = 'core/services/'
export const firstNodePort = 30_000
export const lastNodePort = 32_767
/** The addresses and ports that users may count on for fixed choices: given out only when the others are used up. */
const maxStaticAddresses = 256
const staticNodePorts = 86
const randomAttempts = 16

/** Why something asked for cannot be had. */
export type Refusal = 'taken' | 'outside' | 'exhausted'

/**
 * Who has which cluster IP and node port. Derived from the stored services, so nothing is lost or given twice over a restart;
 * what is reserved for a write under way counts until the write is there or given up.
 */
export class ServiceAllocator {
  readonly #first: number
  readonly #size: number
  readonly #random: Random
  readonly #addresses = new Map<string, string>()
  readonly #ports = new Map<number, string>()
  readonly #unsubscribe: () => void
  /** The range in its usual form. */
  readonly cidr: string

  constructor(options: { readonly store: Store; readonly cidr: string; readonly random: Random }) {
    const [base = '', bits = '32'] = options.cidr.split('/')
    this.cidr = options.cidr
    this.#first = toNumber(base)
    this.#size = 2 ** (32 - Number(bits))
    this.#random = options.random
    const { store } = options
    for (const { key, object } of store.list(prefix).entries) this.#hold(key, object as CoreV1Service)
    this.#unsubscribe = store.watch(prefix, store.revision, { changed: (changes) => this.#follow(changes), closed: () => {} })
  }

  stop(): void {
    this.#unsubscribe()
  }

  /** Reserves one address, `wanted` if given. Returns it, or why not. */
  reserveAddress(key: string, wanted?: string): { readonly address: string } | Refusal {
    if (wanted !== undefined) {
      const offset = toNumber(wanted) - this.#first
      if (!(offset > 0 && offset < this.#size - 1)) return 'outside'
      if ((this.#addresses.get(wanted) ?? key) !== key) return 'taken'
      this.#addresses.set(wanted, key)
      return { address: wanted }
    }
    const chosen = this.#choose(
      this.#size - 2,
      Math.min(maxStaticAddresses, Math.floor(this.#size / 16)),
      (index) => !this.#addresses.has(this.#addressAt(index)),
    )
    if (chosen === undefined) return 'exhausted'
    this.#addresses.set(this.#addressAt(chosen), key)
    return { address: this.#addressAt(chosen) }
  }

  /** Reserves one node port, `wanted` if given. */
  reservePort(key: string, wanted?: number): number | Refusal {
    if (wanted !== undefined) {
      if (wanted < firstNodePort || wanted > lastNodePort) return 'outside'
      if ((this.#ports.get(wanted) ?? key) !== key) return 'taken'
      this.#ports.set(wanted, key)
      return wanted
    }
    const chosen = this.#choose(lastNodePort - firstNodePort + 1, staticNodePorts, (index) => !this.#ports.has(firstNodePort + index))
    if (chosen === undefined) return 'exhausted'
    this.#ports.set(firstNodePort + chosen, key)
    return firstNodePort + chosen
  }

  /** Whether `key` already has the address or port. */
  has(key: string, what: string | number): boolean {
    return (typeof what === 'string' ? this.#addresses.get(what) : this.#ports.get(what)) === key
  }

  release(what: string | number): void {
    if (typeof what === 'string') this.#addresses.delete(what)
    else this.#ports.delete(what)
  }

  #addressAt(index: number): string {
    return toText(this.#first + 1 + index)
  }

  /** A free index of `count`, at random beyond the first `reserved`; those only when nothing else is left. */
  #choose(count: number, reserved: number, isFree: (index: number) => boolean): number | undefined {
    const rest = count - reserved
    for (let attempt = 0; attempt < randomAttempts && rest > 0; attempt++) {
      const index = reserved + Math.floor(this.#random.fraction() * rest)
      if (isFree(index)) return index
    }
    for (let step = 0; step < count; step++) {
      const index = (reserved + step) % count
      if (isFree(index)) return index
    }
    return undefined
  }

  #follow(changes: readonly Change[]): void {
    for (const { type, entry, previous } of changes) {
      if (previous !== undefined) this.#letGo(entry.key, previous.object as CoreV1Service)
      if (type !== 'deleted') this.#hold(entry.key, entry.object as CoreV1Service)
    }
  }

  #hold(key: string, service: CoreV1Service): void {
    for (const address of addressesOf(service)) this.#addresses.set(address, key)
    for (const port of portsOf(service)) this.#ports.set(port, key)
  }

  #letGo(key: string, service: CoreV1Service): void {
    for (const address of addressesOf(service)) if (this.#addresses.get(address) === key) this.#addresses.delete(address)
    for (const port of portsOf(service)) if (this.#ports.get(port) === key) this.#ports.delete(port)
  }
}

function addressesOf({ spec }: CoreV1Service): string[] {
  if (spec?.type === 'ExternalName') return []
  return [...new Set([...(spec?.clusterIPs ?? []), spec?.clusterIP ?? ''])].filter((address) => address !== '' && address !== 'None')
}

function portsOf({ spec }: CoreV1Service): number[] {
  const ports = (spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0)
  return [...ports, spec?.healthCheckNodePort ?? 0].filter((port) => port > 0)
}

/** An IPv4 address as a number; NaN for anything else. */
function toNumber(address: string): number {
  const octets = address.split('.').map((octet) => (/^\d{1,3}$/.test(octet) && Number(octet) < 256 ? Number(octet) : Number.NaN))
  return octets.length === 4 ? octets.reduce((sum, octet) => sum * 256 + octet, 0) : Number.NaN
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}
