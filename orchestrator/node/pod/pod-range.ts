import type { Log } from '../../../lib/log.ts'
import { AddressPool } from './address-pool.ts'

export interface PodRangeOptions {
  /** Where the range is known from the start. */
  readonly podCidr?: string
  /** Addresses in the range that no pod may have. */
  readonly reserved: readonly string[]
  readonly log: Log
  /** The node has a range now. */
  readonly onRange: () => void
  /** The node is to have another range than the one in use, which stays. Called once. */
  readonly onOtherRange: (podCidr: string) => void
}

/** A node's share of the pod network: the first one that it is told of, for as long as the agent lives, since pods have addresses of it. */
export class PodRange {
  readonly #options: PodRangeOptions
  #podCidr: string | undefined
  #addresses: AddressPool | undefined
  #hasToldOther = false

  constructor(options: PodRangeOptions) {
    this.#options = options
    if (options.podCidr !== undefined) this.#set(options.podCidr)
  }

  /** `undefined` until the node has a range. */
  get podCidr(): string | undefined {
    return this.#podCidr
  }

  get addresses(): AddressPool | undefined {
    return this.#addresses
  }

  /** The range that the Node object has, if any. */
  note(podCidr: string | undefined): void {
    if (podCidr === undefined || podCidr === '' || podCidr === this.#podCidr) return
    if (this.#podCidr !== undefined) return this.#noteOther(podCidr)
    this.#set(podCidr)
    this.#options.onRange()
  }

  #set(podCidr: string): void {
    this.#podCidr = podCidr
    this.#addresses = new AddressPool(podCidr, this.#options.reserved)
  }

  #noteOther(podCidr: string): void {
    if (this.#hasToldOther) return
    this.#hasToldOther = true
    this.#options.log.warn({ podCidr, inUse: this.#podCidr }, 'the node has another range of the pod network than the one in use')
    this.#options.onOtherRange(podCidr)
  }
}
