import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { ServiceCatalog } from '../service-catalog.ts'
import type { HairpinPorts } from './hairpin-ports.ts'
import type { Nft } from '../table/nft.ts'
import type { UdpFlows } from './udp-flows.ts'
import { planPort, planTable } from './rules.plan.ts'
import type { PortRules, RulesOptions } from './rules.plan.ts'
import { planServicePorts } from './service-ports.plan.ts'
import type { ServicePort, ServicePortsOptions } from './service-ports.plan.ts'
import { createTableKeeper } from '../table/table-keeper.ts'
import type { TableKeeper } from '../table/table-keeper.ts'

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

const syncPollMs = 100

/** Keeps the table equal to what Services and EndpointSlices ask for. */
export function createServiceProxy(options: ServiceProxyOptions): TableKeeper {
  const { catalog, udpFlows, hairpinPorts, clock, rules } = options
  const planPorts = rememberPorts(options)
  let ports: readonly ServicePort[] = []
  let next: readonly PlannedPort[] = []
  return createTableKeeper(
    { ...options, what: 'service rules' },
    {
      async ready(signal) {
        while (!catalog.hasSynced && !signal.aborted) await clock.sleep(syncPollMs, signal)
      },
      onChange: (listener) => catalog.onChange(listener),
      async desired() {
        next = planPorts()
        await hairpinPorts.ensure()
        return planTable(
          next.map(({ rules: own }) => own),
          rules,
        )
      },
      async applied() {
        const nextPorts = next.map(({ port }) => port)
        await udpFlows.forget(ports, nextPorts)
        ports = nextPorts
      },
    },
  )
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
