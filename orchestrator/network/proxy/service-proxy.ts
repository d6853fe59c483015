import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { ServiceCatalog } from '../service-catalog.ts'
import type { HairpinPorts } from './hairpin-ports.ts'
import type { Nft } from './nft.ts'
import type { UdpFlows } from './udp-flows.ts'
import { readTable } from './read-table.ts'
import { planPort, planTable } from './rules.plan.ts'
import type { PortRules, RulesOptions } from './rules.plan.ts'
import { planServicePorts } from './service-ports.plan.ts'
import type { ServicePort, ServicePortsOptions } from './service-ports.plan.ts'
import { planTransaction } from './table-state.ts'
import type { TableState } from './table-state.ts'

export interface ServiceProxyOptions {
  readonly catalog: ServiceCatalog
  readonly nft: Nft
  readonly udpFlows: UdpFlows
  readonly hairpinPorts: HairpinPorts
  readonly clock: Clock
  readonly log: Log
  /** The table's name, from `tableNameOf`. */
  readonly table: string
  readonly rules: RulesOptions
  readonly canTakeAddress: ServicePortsOptions['canTakeAddress']
  readonly canTakePort: ServicePortsOptions['canTakePort']
}

/**
 * Keeps the table equal to what Services and EndpointSlices ask for: changes within `quietMs` make one transaction that touches
 * only what differs; at the start, after a failure and every `auditMs` the kernel's table is read back and repaired.
 */
export interface ServiceProxy {
  /** Runs until `signal` aborts; the rules stay. */
  run(signal: AbortSignal): Promise<void>
  /** How many transactions were applied. */
  readonly transactions: number
}

/** Changes that come this close together go into one transaction. */
const quietMs = 20
const auditMs = 180_000
const firstRetryMs = 500
const maxRetryMs = 30_000
const syncPollMs = 100

/** Builds the proxy; nothing happens before `run`. */
export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { nft, udpFlows, hairpinPorts, log, table, rules } = options
  const planPorts = rememberPorts(options)
  let present: TableState | undefined
  let ports: readonly ServicePort[] = []
  let transactions = 0

  async function synchronize(isAudit: boolean): Promise<void> {
    if (isAudit) present = await readBack(nft, table)
    const wasKnown = present !== undefined
    const next = planPorts()
    const desired = planTable(
      next.map(({ rules: own }) => own),
      rules,
    )
    const statements = planTransaction(table, present, desired)
    await hairpinPorts.ensure()
    if (statements !== '') {
      try {
        await nft.apply(statements)
      } catch (error) {
        if (!wasKnown) throw error
        // Something else is in the way of the difference, e.g. an element of a form that nobody planned: start the table anew.
        log.warn({ err: error, table }, 'service rules do not apply, replacing the table')
        await nft.apply(planTransaction(table, undefined, desired))
      }
      transactions++
      log.debug({ table, services: next.length, bytes: statements.length, isAudit }, 'service rules changed')
    }
    present = desired
    const nextPorts = next.map(({ port }) => port)
    await udpFlows.forget(ports, nextPorts)
    ports = nextPorts
  }

  return {
    run: (signal) => keepSynchronized(synchronize, options, signal),
    get transactions() {
      return transactions
    },
  }
}

/** The loop around `synchronize`: on a change, on time, and again with growing pauses while it fails. */
async function keepSynchronized(
  synchronize: (isAudit: boolean) => Promise<void>,
  { catalog, clock, log, table }: ServiceProxyOptions,
  signal: AbortSignal,
): Promise<void> {
  const changes = createSignal(signal)
  const unsubscribe = catalog.onChange(() => changes.raise())
  try {
    // Rules from half a cache would refuse connections that the table of the last run still serves.
    while (!catalog.hasSynced && !signal.aborted) await clock.sleep(syncPollMs, signal)
    let nextAuditAt = clock.monotonic()
    let retryMs = firstRetryMs
    while (!signal.aborted) {
      changes.clear()
      try {
        const isAudit = clock.monotonic() >= nextAuditAt
        await synchronize(isAudit)
        if (isAudit) nextAuditAt = clock.monotonic() + auditMs
        retryMs = firstRetryMs
      } catch (error) {
        log.warn({ err: error, table, retryMs }, 'service rules could not be brought up to date')
        nextAuditAt = clock.monotonic()
        await clock.sleep(retryMs, signal)
        retryMs = Math.min(retryMs * 2, maxRetryMs)
        continue
      }
      await waitForChange(changes, clock, { ms: nextAuditAt - clock.monotonic(), signal })
      await clock.sleep(quietMs, signal)
    }
  } finally {
    unsubscribe()
  }
}

async function readBack(nft: Nft, table: string): Promise<TableState | undefined> {
  const listing = await nft.list(table)
  if (listing === undefined) return undefined
  try {
    return readTable(listing)
  } catch {
    // A listing that cannot be read is not ours: as good as none, so the table is replaced.
    return undefined
  }
}

interface PlannedPort {
  readonly port: ServicePort
  readonly rules: PortRules
}

/** Plans each Service once per version of it and of its slices: objects in the caches are replaced, never changed. */
function rememberPorts({ catalog, canTakeAddress, canTakePort }: ServiceProxyOptions): () => readonly PlannedPort[] {
  interface Remembered {
    readonly order: string
    readonly inputs: readonly unknown[]
    readonly ports: readonly PlannedPort[]
  }
  let remembered = new Map<string, Remembered>()
  const isLocalNode = (name: string) => catalog.isLocalNode(name)
  return () => {
    const next = new Map<string, Remembered>()
    for (const key of catalog.keys()) {
      const service = catalog.service(key)
      if (service === undefined) continue
      const slices = catalog.slices(key)
      const inputs: readonly unknown[] = [service, ...slices]
      const known = remembered.get(key)
      // `Local` policies also depend on where nodes are.
      const isStable = service.spec.internalTrafficPolicy !== 'Local' && service.spec.externalTrafficPolicy !== 'Local'
      const isSame = isStable && known?.inputs.length === inputs.length && known.inputs.every((input, i) => input === inputs[i])
      if (isSame) {
        next.set(key, known)
        continue
      }
      const ports = planServicePorts(service, slices, { isLocalNode, canTakeAddress, canTakePort })
      const order = `${service.metadata.creationTimestamp ?? ''} ${key}`
      next.set(key, { order, inputs, ports: ports.map((port) => ({ port, rules: planPort(port) })) })
    }
    remembered = next
    // In order of age, so that who comes later cannot take an address and port from who has it.
    return [...next.values()].sort((left, right) => (left.order < right.order ? -1 : 1)).flatMap(({ ports }) => ports)
  }
}

interface ChangeSignal {
  raise(): void
  clear(): void
  wait(): Promise<void>
}

/** A flag to wait for; raised for good when `signal` aborts. */
function createSignal(signal: AbortSignal): ChangeSignal {
  let { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return {
    raise: () => resolve(),
    clear() {
      if (!signal.aborted) ({ promise, resolve } = Promise.withResolvers<void>())
    },
    wait: () => promise,
  }
}

async function waitForChange(
  changes: ChangeSignal,
  clock: Clock,
  timeout: { readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  const timer = new AbortController()
  await Promise.race([changes.wait(), clock.sleep(Math.max(timeout.ms, 0), AbortSignal.any([timer.signal, timeout.signal]))])
  timer.abort()
}
