import type { LeaseRecord, LeaseStore } from '../alerts/cluster/lease.ts'
import { toMicroTimestamp } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { CoordinationV1Lease } from '../orchestrator/api/generated/kinds.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../orchestrator/api/status-error.ts'
import type { Client } from '../orchestrator/client/client.ts'

const addressAnnotation = 'binnacle/address'
const inSyncAnnotation = 'binnacle/in-sync'

export interface AlertLeasesOptions {
  readonly client: Client
  readonly clock: Clock
  readonly namespace: string
  readonly name: string
  readonly leaseDurationMs: number
}

/** The agreement of alert servers in one Lease of an API server: who leads in its spec, where and who has everything in annotations. */
export function createAlertLeases({ client, clock, namespace, name, leaseDurationMs }: AlertLeasesOptions): LeaseStore {
  const inTime = <T>(work: Promise<T>): Promise<T> => {
    // An answer that comes when the lease is nearly over is none.
    const late = Promise.withResolvers<never>()
    const timer = clock.setTimer(leaseDurationMs / 3, () => late.reject(new Error('the API server does not answer')))
    return Promise.race([work, late.promise]).finally(() => timer.cancel())
  }
  const objectOf = (known: LeaseRecord | undefined, next: Omit<LeaseRecord, 'version' | 'renewTime'>): CoordinationV1Lease => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace,
      annotations: { [addressAnnotation]: next.address, [inSyncAnnotation]: JSON.stringify(next.inSync) },
      ...(known !== undefined && { resourceVersion: known.version }),
    },
    spec: {
      ...(next.holder !== '' && { holderIdentity: next.holder }),
      leaseDurationSeconds: Math.max(Math.ceil(leaseDurationMs / 1000), 1),
      leaseTransitions: next.term,
      renewTime: toMicroTimestamp(clock.now()),
    },
  })
  return {
    read: async () => {
      try {
        return recordOf(await inTime(client.get(CoordinationV1Lease, { namespace, name })))
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },
    write: async (known, next) => {
      const object = objectOf(known, next)
      try {
        const write = known === undefined ? client.create(CoordinationV1Lease, object) : client.update(CoordinationV1Lease, object)
        return recordOf(await inTime(write))
      } catch (error) {
        // Gone counts as changed: whoever writes next makes it anew.
        if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return undefined
        throw error
      }
    },
  }
}

function recordOf({ metadata, spec }: CoordinationV1Lease): LeaseRecord {
  const list: unknown = JSON.parse(metadata.annotations?.[inSyncAnnotation] ?? '[]')
  return {
    version: metadata.resourceVersion!,
    holder: spec?.holderIdentity ?? '',
    address: metadata.annotations?.[addressAnnotation] ?? '',
    term: spec?.leaseTransitions ?? 0,
    renewTime: spec?.renewTime ?? '',
    inSync: Array.isArray(list) ? list.map(String) : [],
  }
}
