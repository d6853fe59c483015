import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { CoreV1Node } from '../api/generated/kinds.ts'
import type { Informer } from '../client/informer.ts'
import type { RunCommand } from './command.ts'
import type { Ipv4Network } from './ipv4.ts'
import { planPodRoutes } from './pod-routes.plan.ts'
import type { ForwardPermit } from './proxy/forward-permit.ts'
import type { KernelSettings } from './proxy/kernel-settings.ts'

export interface HostRoutesOptions {
  readonly run: RunCommand
  readonly settings: KernelSettings
  readonly permit: ForwardPermit
  readonly nodes: Informer<CoreV1Node>
  readonly clock: Clock
  readonly log: Log
  readonly clusterId: string
  readonly nodeName: string
  readonly nodeIp: string
  readonly bridge: string
  readonly gateway: string
  readonly serviceCidr: string
  readonly podSubnet: Ipv4Network
  readonly hasAddress: (address: string) => boolean
}

const checkMs = 2_000
/** A bridge that is not there yet comes in the first moments of a node. */
const absentMs = 250
/** Routes to other hosts go with the link to them, and nobody says so. */
const presenceMs = 10_000
/** Docker makes its chains anew when it starts; looking takes two processes, so not every time. */
const permitMs = 60_000

/** Marks routes of ours in the kernel: a number that no routing daemon has in iproute2's list. */
const routeProtocol = '198'

/** The metric of a cluster's routes: tells them from those of another cluster on this host. */
export function metricOf(clusterId: string): number {
  let hash = 0
  for (const character of clusterId) hash = (hash * 31 + character.codePointAt(0)!) % 1_000_000
  return 1_000 + hash
}

/**
 * Keeps the host's routes until `signal` aborts: to Service addresses over the bridge with the gateway as source, so that the host
 * itself reaches Services even without a default route; and to the pods of other hosts, as soon as their Nodes come, move and go. Looks at
 * the bridge every few seconds, since one that is made anew has lost its routes. What an earlier process has left is taken over.
 */
export async function keepRoutes(options: HostRoutesOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, nodes, gateway, hasAddress } = options
  const permit = createPatientPermit(options)
  const changes = wakeOnMoves(nodes)
  let applied: Map<string, string> | undefined
  let seenAt = clock.monotonic()
  let reported = ''
  while (!signal.aborted) {
    const woken = changes.next()
    const isPresent = hasAddress(gateway)
    if (!isPresent) applied = undefined
    else {
      const routes = planPodRoutes(nodes.list(), options)
      try {
        const isDue = routes.length > 0 && clock.monotonic() - seenAt >= presenceMs
        if (applied === undefined || isDue) {
          applied = await presentRoutes(options, applied)
          seenAt = clock.monotonic()
        }
        await applyRoutes(options, routes, applied)
        await permit(routes.length > 0)
        reported = ''
      } catch (error) {
        const message = String(error)
        if (message !== reported) log.warn({ err: error }, 'routes could not be brought up to date')
        reported = message
        applied = undefined
      }
    }
    await clock.sleep(isPresent ? checkMs : absentMs, AbortSignal.any([signal, woken]))
  }
  changes.close()
}

/** Signals that abort when a Node comes or goes, or moves to another address or range. */
function wakeOnMoves(nodes: Informer<CoreV1Node>): { next(): AbortSignal; close(): void } {
  let wake = new AbortController()
  const place = ({ spec, status }: CoreV1Node) =>
    `${spec?.podCIDR} ${status?.addresses?.find(({ type }) => type === 'InternalIP')?.address}`
  const close = nodes.onChange({
    added: () => wake.abort(),
    deleted: () => wake.abort(),
    updated: (node, previous) => {
      if (place(node) !== place(previous)) wake.abort()
    },
  })
  return {
    next: () => {
      wake = new AbortController()
      return wake.signal
    },
    close,
  }
}

function createPatientPermit({ permit, clock, log }: HostRoutesOptions): (fromOtherHosts: boolean) => Promise<void> {
  let last: { readonly at: number; readonly fromOtherHosts: boolean; readonly isPermitted: boolean } | undefined
  return async (fromOtherHosts) => {
    const now = clock.monotonic()
    if (last !== undefined && last.fromOtherHosts === fromOtherHosts && now - last.at < permitMs) return
    const isPermitted = await permit.ensure({ fromOtherHosts })
    if (isPermitted && last?.isPermitted !== true)
      log.info({}, "node ports are open to other hosts by a rule in Docker's DOCKER-USER chain")
    last = { at: now, fromOtherHosts, isPermitted }
  }
}

async function applyRoutes(
  { run, settings, log, clusterId, bridge, gateway, serviceCidr }: HostRoutesOptions,
  podRoutes: readonly { readonly podCidr: string; readonly via: string }[],
  applied: Map<string, string>,
): Promise<void> {
  const mark = ['proto', routeProtocol, 'metric', String(metricOf(clusterId))]
  const wanted = new Map([
    [serviceCidr, `dev ${bridge} src ${gateway}`],
    // Other hosts let through what comes from pods' addresses, so the host itself has to use one, too.
    ...podRoutes.map(({ podCidr, via }): [string, string] => [podCidr, `via ${via} src ${gateway}`]),
  ])
  const missing = [...wanted].filter(([network, path]) => applied.get(network) !== path)
  for (const [network, path] of missing) {
    await run('ip', ['route', 'replace', network, ...path.split(' '), ...mark])
    applied.set(network, path)
    log.debug({ network, path }, 'route set')
  }
  for (const network of [...applied.keys()].filter((candidate) => !wanted.has(candidate))) {
    await run('ip', ['route', 'del', network, ...mark])
    applied.delete(network)
  }
  // The bridge's network covers all hosts' pods: the host answers for those that are elsewhere.
  if (podRoutes.length === 0 || missing.length === 0) return
  await settings.write(`net/ipv4/conf/${bridge}/proxy_arp`, '1')
  // Else the answer comes after a random time of up to 0.8 s.
  await settings.write(`net/ipv4/neigh/${bridge}/proxy_delay`, '0')
}

/** The routes that carry the cluster's mark. How those lead that this process has not set is not asked: each is set anew or removed. */
async function presentRoutes({ run, clusterId }: HostRoutesOptions, applied?: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  return new Map((await markedRoutes(run, clusterId)).map((network) => [network, applied?.get(network) ?? '']))
}

async function markedRoutes(run: RunCommand, clusterId: string): Promise<string[]> {
  const listing = await run('ip', ['-j', 'route', 'show', 'proto', routeProtocol])
  const routes = JSON.parse(listing.trim() === '' ? '[]' : listing) as readonly { readonly dst: string; readonly metric?: number }[]
  return routes.filter(({ metric }) => metric === metricOf(clusterId)).map(({ dst }) => dst)
}

/** Removes the cluster's routes, and no others. Rejects with a `CommandError` where one cannot be removed. */
export async function removeRoutes(run: RunCommand, clusterId: string): Promise<void> {
  const mark = ['proto', routeProtocol, 'metric', String(metricOf(clusterId))]
  for (const network of await markedRoutes(run, clusterId)) await run('ip', ['route', 'del', network, ...mark])
}
