import type { LeaseRecord, LeaseStore } from '../alerts/cluster/lease.ts'
import { toMicroTimestamp } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { CoordinationV1Lease } from '../orchestrator/api/generated/kinds.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../orchestrator/api/status-error.ts'
import type { Client } from '../orchestrator/client/client.ts'

const addressAnnotation = 'binnacle/address'
const inSyncAnnotation = 'binnacle/in-sync'
/** A host name or an address, and a port. */
const addressPattern = /^(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}$/
/** Terms are an int32 in the API; they only have to differ. */
const terms = 2 ** 31

export interface AlertLeasesOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly name: string
  readonly leaseDurationMs: number
}

/**
 * The agreement of alert servers in one Lease of an API server: who leads in its spec, where and who has everything in annotations. What
 * somebody else has put there that is none of this counts as absent, and is logged.
 */
export function createAlertLeases({ client, clock, log, namespace, name, leaseDurationMs }: AlertLeasesOptions): LeaseStore {
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
      leaseTransitions: next.term % terms,
      renewTime: toMicroTimestamp(clock.now()),
    },
  })
  let complainedOf = ''
  const recordOf = (lease: CoordinationV1Lease): LeaseRecord => {
    const { record, problems } = readLease(lease)
    if (problems.length > 0 && record.version !== complainedOf) {
      complainedOf = record.version
      log.warn({ namespace, name, problems }, 'the lease of the alert servers has what none of them has written, which is left out')
    }
    return record
  }
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

function readLease({ metadata, spec }: CoordinationV1Lease): { readonly record: LeaseRecord; readonly problems: readonly string[] } {
  const { [addressAnnotation]: address = '', [inSyncAnnotation]: inSyncText } = metadata.annotations ?? {}
  const inSync = inSyncText === undefined ? [] : parseNames(inSyncText)
  const isAddress = address === '' || (addressPattern.test(address) && URL.canParse(`http://${address}`))
  const problems = [
    ...(isAddress ? [] : [`${addressAnnotation} is no HOST:PORT`]),
    ...(inSync === undefined ? [`${inSyncAnnotation} is no JSON list of names`] : []),
  ]
  const record = {
    version: metadata.resourceVersion!,
    holder: spec?.holderIdentity ?? '',
    address: isAddress ? address : '',
    term: spec?.leaseTransitions ?? 0,
    renewTime: spec?.renewTime ?? '',
    inSync: inSync ?? [],
  }
  return { record, problems }
}

/** `undefined` for what is no list of texts. */
function parseNames(text: string): readonly string[] | undefined {
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) && list.every((name) => typeof name === 'string') ? list : undefined
  } catch {
    return undefined
  }
}
