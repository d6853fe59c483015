import { toTimestamp, type Timer } from '../../../lib/clock.ts'
import type { ExtraGroupVersion, ExtraResource } from '../../api/discovery.ts'
import type { ApiregistrationV1APIService, ApiregistrationV1APIServiceCondition } from '../../api/generated/kinds.ts'
import { isStoreError } from '../../store/store.ts'
import { copyJson } from '../rest/copy.ts'
import type { Core } from '../rest/core.ts'

const retryMs = 2_000
const recheckMs = 30_000
const prefix = 'apiregistration.k8s.io/apiservices/'

export interface AvailabilityOptions {
  readonly core: Core
  /** Asks the service for its discovery document; rejects when it cannot be had. */
  readonly probe: (service: ApiregistrationV1APIService) => Promise<unknown>
}

interface Watched {
  readonly service: ApiregistrationV1APIService
  timer: Timer | undefined
  resources: readonly ExtraResource[]
  isAvailable: boolean
  isProbing: boolean
}

/** Keeps the Available condition of APIServices true to what probes find, and remembers what each serves. */
export class Availability {
  readonly #options: AvailabilityOptions
  readonly #watched = new Map<string, Watched>()
  readonly #running = new Set<Promise<void>>()

  constructor(options: AvailabilityOptions) {
    this.#options = options
  }

  /** Takes over the services that exist now. One whose address or authority changed is probed again at once. */
  follow(services: readonly ApiregistrationV1APIService[]): void {
    const names = new Set(services.map(({ metadata }) => metadata.name!))
    for (const [name, { timer }] of this.#watched) {
      if (names.has(name)) continue
      timer?.cancel()
      this.#watched.delete(name)
    }
    for (const service of services) {
      const before = this.#watched.get(service.metadata.name!)
      if (
        before !== undefined &&
        before.service.metadata.generation === service.metadata.generation &&
        JSON.stringify(before.service.spec) === JSON.stringify(service.spec)
      )
        continue
      before?.timer?.cancel()
      const watched: Watched = {
        service,
        timer: undefined,
        resources: before?.resources ?? [],
        isAvailable: before?.isAvailable ?? false,
        isProbing: false,
      }
      this.#watched.set(service.metadata.name!, watched)
      this.#start(watched)
    }
  }

  /** Probes a service again now. */
  check({ metadata }: ApiregistrationV1APIService): void {
    const watched = this.#watched.get(metadata.name!)
    if (watched !== undefined) this.#start(watched)
  }

  /** What discovery says of the service's group version. */
  announcementOf({ spec, metadata }: ApiregistrationV1APIService): ExtraGroupVersion {
    const watched = this.#watched.get(metadata.name!)
    return { group: spec.group!, version: spec.version!, resources: watched?.resources ?? [], isStale: watched?.isAvailable !== true }
  }

  async stop(): Promise<void> {
    for (const { timer } of this.#watched.values()) timer?.cancel()
    this.#watched.clear()
    await Promise.all(this.#running)
  }

  #start(watched: Watched): void {
    if (watched.isProbing) return
    watched.isProbing = true
    watched.timer?.cancel()
    const run = this.#probe(watched).finally(() => this.#running.delete(run))
    this.#running.add(run)
  }

  async #probe(watched: Watched): Promise<void> {
    const { core, probe } = this.#options
    // A service without an address is refused before anything is sent.
    const asked = Promise.resolve(watched.service).then(probe)
    const condition = await asked.then(
      (document) => {
        watched.resources = resourcesOf(watched.service, document)
        return { status: 'True', reason: 'Passed', message: 'all checks passed' }
      },
      (error: Error) => ({
        status: 'False',
        reason: 'FailedDiscoveryCheck',
        message: `failing or missing response from the service: ${error.message}`,
      }),
    )
    watched.isAvailable = condition.status === 'True'
    watched.isProbing = false
    const name = watched.service.metadata.name!
    if (this.#watched.get(name) !== watched) return
    watched.timer = core.clock.setTimer(watched.isAvailable ? recheckMs : retryMs, () => this.#start(watched))
    await this.#report(name, condition).catch((error: unknown) =>
      core.log.warn({ err: error, name }, 'cannot write the condition of an APIService'),
    )
  }

  async #report(
    name: string,
    { status, reason, message }: Omit<ApiregistrationV1APIServiceCondition, 'type' | 'lastTransitionTime'>,
  ): Promise<void> {
    const { store, clock } = this.#options.core
    for (;;) {
      const entry = store.get(`${prefix}${name}`)
      if (entry === undefined) return
      const next = copyJson(entry.object) as ApiregistrationV1APIService
      const before = next.status?.conditions?.find(({ type }) => type === 'Available')
      if (before?.status === status && before.reason === reason && before.message === message) return
      const lastTransitionTime =
        before?.status === status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : toTimestamp(clock.now())
      const others = (next.status?.conditions ?? []).filter(({ type }) => type !== 'Available')
      next.status = {
        ...next.status,
        conditions: [
          ...others,
          {
            type: 'Available',
            status,
            lastTransitionTime,
            ...(reason === undefined ? {} : { reason }),
            ...(message === undefined ? {} : { message }),
          },
        ],
      }
      try {
        await store.put(entry.key, next, entry.revision)
        return
      } catch (error) {
        if (isStoreError(error, 'stopped')) return
        if (!isStoreError(error, 'conflict')) throw error
      }
    }
  }
}

interface ApiResource {
  readonly name: string
  readonly singularName?: string
  readonly namespaced: boolean
  readonly kind: string
  readonly verbs: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
}

/** The resources of a legacy discovery document; subresources are not announced by themselves. */
function resourcesOf({ spec }: ApiregistrationV1APIService, document: unknown): readonly ExtraResource[] {
  const { resources = [] } = document as { readonly resources?: readonly ApiResource[] }
  return resources
    .filter(({ name }) => typeof name === 'string' && !name.includes('/'))
    .map(({ name, singularName, namespaced, kind, verbs, shortNames, categories }) => ({
      kind: { group: spec.group!, version: spec.version!, kind, plural: name, isNamespaced: namespaced },
      verbs,
      ...(singularName ? { singular: singularName } : {}),
      ...(shortNames === undefined ? {} : { shortNames }),
      ...(categories === undefined ? {} : { categories }),
    }))
}
