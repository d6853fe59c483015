import type { Clock } from '../../lib/clock.ts'
import { CoreV1Node, CoreV1Pod, type PolicyV1Eviction } from '../../orchestrator/api/generated/kinds.ts'
import { isNotFound, StatusError } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { CommandError } from '../cluster-connection.ts'

const pollMs = 200
/** A disruption budget that forbids an eviction is asked again after this long. */
const refusedMs = 1000
const type = 'application/merge-patch+json'

export interface DrainOptions {
  readonly client: Client
  readonly clock: Clock
  readonly nodeName: string
  /** Pods without a controller go, too, budgets are not asked, and pods of a node that does not answer are not waited for. */
  readonly isForced: boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly report: (line: string) => void
}

/**
 * Takes all pods off a node, as kubectl does: no more are scheduled, those that are there are evicted as far as disruption budgets allow. Pods of daemon
 * sets and of the node itself stay. Throws a `CommandError` that names the pods that are in the way.
 */
export async function drainNode(options: DrainOptions): Promise<void> {
  const { client, clock, nodeName, isForced, timeoutMs, signal, report } = options
  await client.patch(CoreV1Node, { name: nodeName }, { type, body: { spec: { unschedulable: true } } })
  const pods = await podsToGo(client, nodeName)
  const unmanaged = pods.filter((pod) => controllerOf(pod) === undefined && pod.metadata.deletionTimestamp === undefined && !isOver(pod))
  if (unmanaged.length > 0 && !isForced)
    throw new CommandError(
      `these pods have no controller that would replace them: ${namesOf(unmanaged)}; --force removes them all the same`,
    )
  const deadline = clock.monotonic() + timeoutMs
  const refusals = new Map<string, string>()
  for (let left = pods; left.length > 0; left = await podsToGo(client, nodeName)) {
    for (const pod of left) await leave(pod, { client, isForced, refusals, report })
    signal.throwIfAborted()
    if (clock.monotonic() > deadline) throw new CommandError(whyNotDrained(await podsToGo(client, nodeName), refusals, timeoutMs))
    await clock.sleep(left.some((pod) => refusals.has(keyOf(pod))) ? refusedMs : pollMs, signal)
  }
}

/** The pods on a node that a drain removes. */
async function podsToGo(client: Client, nodeName: string): Promise<CoreV1Pod[]> {
  const { items } = await client.list(CoreV1Pod, { fieldSelector: `spec.nodeName=${nodeName}` })
  return items.filter(
    (pod) => pod.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined && controllerOf(pod)?.kind !== 'DaemonSet',
  )
}

interface Leaving {
  readonly client: Client
  readonly isForced: boolean
  readonly refusals: Map<string, string>
  readonly report: (line: string) => void
}

async function leave(pod: CoreV1Pod, { client, isForced, refusals, report }: Leaving): Promise<void> {
  const { namespace, name, uid, deletionTimestamp } = pod.metadata
  const key = { namespace: namespace!, name: name! }
  if (deletionTimestamp !== undefined && !isForced) return
  try {
    if (isForced) await client.delete(CoreV1Pod, key, { gracePeriodSeconds: 0, preconditions: { uid: uid! } })
    else await client.createSubresource<PolicyV1Eviction>(CoreV1Pod, key, 'eviction', evictionOf(key, uid!))
    refusals.delete(keyOf(pod))
    report(`pod ${keyOf(pod)} evicted`)
  } catch (error) {
    if (isNotFound(error)) return
    const isRefused = error instanceof StatusError && error.status.code === 429
    if (!isRefused) throw error
    if (!refusals.has(keyOf(pod))) report(`pod ${keyOf(pod)} stays for now: ${error.message}`)
    refusals.set(keyOf(pod), error.message)
  }
}

const evictionOf = (key: { readonly namespace: string; readonly name: string }, uid: string): PolicyV1Eviction => ({
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  metadata: key,
  deleteOptions: { preconditions: { uid } },
})

function whyNotDrained(left: readonly CoreV1Pod[], refusals: ReadonlyMap<string, string>, timeoutMs: number): string {
  const refused = left.find((pod) => refusals.has(keyOf(pod)))
  const why = refused === undefined ? '' : ` (${refusals.get(keyOf(refused))})`
  return `not drained within ${timeoutMs / 1000} s: ${namesOf(left)} stay${why}; --force removes them without asking or waiting`
}

const controllerOf = ({ metadata }: CoreV1Pod) => metadata.ownerReferences?.find(({ controller }) => controller === true)
const isOver = ({ status }: CoreV1Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed'
const keyOf = ({ metadata }: CoreV1Pod) => `${metadata.namespace}/${metadata.name}`
const namesOf = (pods: readonly CoreV1Pod[]) => pods.map(keyOf).join(', ')
