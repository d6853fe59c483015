import { fromTimestamp } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import { CoordinationV1Lease, CoreV1Node, CoreV1Pod } from '../../api/generated/kinds.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { withCondition } from '../conditions.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { conditionOf, podIndexes } from '../pod-state.ts'
import { planSilence, planTaints } from './node-lifecycle.plan.ts'

const leaseNamespace = 'kube-node-lease'
/** A node that renews nothing for this long is taken for gone, as upstream's node-monitor-grace-period. */
const defaultGracePeriodMs = 40_000

export interface NodeLifecycleOptions {
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly gracePeriodMs?: number
}

/** The last sign of life of a node, and when we saw it by our own clock: nodes' clocks may be off. */
interface Sign {
  readonly mark: string
  readonly seenAt: number
}

/** Marks nodes that stopped renewing their Lease as not ready, keeps condition taints, and tells the pods of a node that is not ready. */
export function createNodeLifecycleController({
  informers,
  clock,
  gracePeriodMs = defaultGracePeriodMs,
}: NodeLifecycleOptions): ControllerDeclaration<CoreV1Node> {
  const leases = informers.informer(CoordinationV1Lease)
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  const signs = new Map<string, Sign>()
  informers.informer(CoreV1Node).onChange({ deleted: ({ metadata }) => signs.delete(metadata.name!) })

  /** How long the node has been silent. */
  function silenceMs({ metadata, status }: CoreV1Node): number {
    const name = metadata.name!
    const heartbeat = status?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime
    const mark = `${metadata.uid} ${leases.get(`${leaseNamespace}/${name}`)?.spec?.renewTime} ${status?.conditions?.some(isUnknown) === true ? '' : heartbeat}`
    const known = signs.get(name)
    if (known?.mark === mark) return clock.monotonic() - known.seenAt
    signs.set(name, { mark, seenAt: clock.monotonic() })
    return 0
  }

  return {
    name: 'node-lifecycle',
    for: CoreV1Node,
    watches: [
      watch(CoordinationV1Lease, ({ metadata }) => (metadata.namespace === leaseNamespace ? [metadata.name!] : [])),
      watch(CoreV1Pod, () => []),
    ],
    async reconcile(node, context) {
      const silentMs = silenceMs(node)
      const isSilent = silentMs >= gracePeriodMs
      const current = isSilent ? await markSilent(node, context) : node
      const tainted = await keepTaints(current, context)
      if (!isReadyNode(tainted)) for (const pod of pods.byIndex('node', node.metadata.name!)) await markPodNotReady(pod, context)
      return isSilent ? undefined : { requeueAfterMs: gracePeriodMs - silentMs }
    },
  }
}

const isUnknown = ({ type, status }: { readonly type: string; readonly status: string }) => type === 'Ready' && status === 'Unknown'
const isReadyNode = ({ status }: CoreV1Node) => status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

async function markSilent(node: CoreV1Node, { client, events, log, now }: ReconcileContext): Promise<CoreV1Node> {
  const conditions = planSilence(node.status?.conditions ?? [], now)
  if (conditions.every((condition, at) => condition === node.status?.conditions?.[at])) return node
  const { name } = node.metadata
  log.warn({ name, since: fromTimestamp(node.status?.conditions?.[0]?.lastHeartbeatTime) }, 'node stopped renewing its lease')
  events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
  return client.updateStatus(CoreV1Node, { ...node, status: { ...node.status, conditions } })
}

async function keepTaints(node: CoreV1Node, { client, now }: ReconcileContext): Promise<CoreV1Node> {
  const taints = planTaints(node, now)
  if (taints === node.spec?.taints || (node.spec?.taints === undefined && taints.length === 0)) return node
  const { resourceVersion, name } = node.metadata
  const body = { metadata: { resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } }
  return client.patch(CoreV1Node, { name: name! }, { type: 'application/merge-patch+json', body })
}

async function markPodNotReady(pod: CoreV1Pod, { client, events, now }: ReconcileContext): Promise<void> {
  const ready = conditionOf(pod, 'Ready')
  if (ready?.status !== 'True') return
  const conditions = withCondition(pod.status!.conditions!, { ...ready, status: 'False' }, now)
  try {
    await client.updateStatus(CoreV1Pod, { ...pod, status: { ...pod.status, conditions: [...conditions] } })
    events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
