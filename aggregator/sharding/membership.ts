import { toMicroTimestamp } from '../../lib/clock.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { CoordinationV1Lease } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'

/** One of the aggregators that share the nodes. */
export interface Member {
  readonly name: string
  /** Where its peers reach it: `host:port`. */
  readonly address: string
}

export interface MembershipOptions {
  readonly client: Client
  readonly self: Member
  /** Who shares nodes with whom: members of other groups are strangers. */
  readonly group: string
  /** A member that has not renewed its Lease for this long is gone. */
  readonly leaseDurationMs: number
  /** Called after the list has changed. */
  readonly onChange: (members: readonly Member[]) => void
  readonly clock: Clock
  readonly log: Log
}

const namespace = 'kube-system'
const groupLabel = 'binnacle/aggregators'
const addressAnnotation = 'binnacle/address'
/** A Lease is renewed and the others are read this often per duration. */
const renewalsPerDuration = 3

interface Sighting {
  readonly renewTime: string | undefined
  /** When this renewal was first seen, by our monotonic clock. */
  readonly seenAt: number
}

/**
 * Which aggregators are alive, told by Leases in kube-system, one per member. Each renews its own and reads all of them three times per
 * lease duration. A member is alive while its renewal time keeps changing, by the reader's own clock, so clocks that disagree do no harm;
 * it is gone after one duration without a change, or at once when it has taken its Lease away. This member is always on its own list: while
 * the API cannot be reached the list stays as it was.
 */
export class Membership {
  readonly #options: MembershipOptions
  readonly #sightings = new Map<string, Sighting>()
  #members: readonly Member[]
  #renewedAt = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #isStopped = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#members = [options.self]
  }

  /** Resolves after the first look at the others, whether it succeeded or not. */
  async start(): Promise<void> {
    await this.#tick()
  }

  /** Takes the own Lease away, so that the others take over at their next look. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#options.client.delete(CoordinationV1Lease, { namespace, name: this.#leaseName() }).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'the own Lease could not be removed; the others take over when it expires')
    })
  }

  /** The living members, sorted by name. */
  members(): readonly Member[] {
    return this.#members
  }

  /** Whether the others can see that this member is alive. */
  get isSeen(): boolean {
    return this.#options.clock.monotonic() - this.#renewedAt < this.#options.leaseDurationMs
  }

  async #tick(): Promise<void> {
    const { clock, log, leaseDurationMs } = this.#options
    try {
      await this.#look()
    } catch (error) {
      log.warn({ err: error }, 'the Leases of the aggregators cannot be read or renewed')
    }
    if (!this.#isStopped) this.#timer = clock.setTimer(leaseDurationMs / renewalsPerDuration, () => void this.#tick())
  }

  async #look(): Promise<void> {
    const { client, clock, group, self } = this.#options
    const { items } = await client.list(CoordinationV1Lease, { namespace, labelSelector: `${groupLabel}=${group}` })
    const own = items.find(({ metadata }) => metadata.name === this.#leaseName())
    await this.#renew(own)
    this.#renewedAt = clock.monotonic()
    const others = items.filter((lease) => lease !== own && this.#isAlive(lease))
    for (const name of this.#sightings.keys()) if (!items.some(({ metadata }) => metadata.name === name)) this.#sightings.delete(name)
    const members = [self, ...others.flatMap(memberOf)].sort((a, b) => (a.name < b.name ? -1 : 1))
    if (JSON.stringify(members) === JSON.stringify(this.#members) || this.#isStopped) return
    this.#members = members
    this.#options.onChange(members)
  }

  /** The first look at a Lease trusts its time, so that those of the long dead do not count; later looks trust changes only. */
  #isAlive({ metadata, spec }: CoordinationV1Lease): boolean {
    const { clock, leaseDurationMs } = this.#options
    const known = this.#sightings.get(metadata.name!)
    const now = clock.monotonic()
    if (known !== undefined && known.renewTime === spec.renewTime) return now - known.seenAt < leaseDurationMs
    const isOld = known === undefined && clock.now() - Date.parse(spec.renewTime ?? '') > leaseDurationMs * 2
    this.#sightings.set(metadata.name!, { renewTime: spec.renewTime, seenAt: isOld ? now - leaseDurationMs : now })
    return !isOld
  }

  async #renew(own: CoordinationV1Lease | undefined): Promise<void> {
    const { client, clock, self, group, leaseDurationMs } = this.#options
    const spec = {
      holderIdentity: self.name,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
      renewTime: toMicroTimestamp(clock.now()),
    }
    const metadata = {
      name: this.#leaseName(),
      namespace,
      labels: { [groupLabel]: group },
      annotations: { [addressAnnotation]: self.address },
    }
    if (own === undefined) await client.create(CoordinationV1Lease, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec })
    else await client.update(CoordinationV1Lease, { ...own, metadata: { ...own.metadata, ...metadata }, spec: { ...own.spec, ...spec } })
  }

  #leaseName(): string {
    return `binnacle-aggregator-${this.#options.self.name}`
  }
}

function memberOf({ metadata, spec }: CoordinationV1Lease): Member[] {
  const address = metadata.annotations?.[addressAnnotation]
  return spec.holderIdentity === undefined || address === undefined ? [] : [{ name: spec.holderIdentity, address }]
}
