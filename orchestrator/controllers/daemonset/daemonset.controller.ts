import { AppsV1ControllerRevision, AppsV1DaemonSet, CoreV1Node, CoreV1Pod } from '../../api/generated/kinds.ts'
import { selectorFromObject } from '../../api/labels.ts'
import { keyOf } from '../../api/object.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { reportStatus, withoutZeros } from '../status.ts'
import { claim, controllerReference, planClaims } from '../adoption.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { createOwnedPod, deleteOwnedPod } from '../owned-pods.ts'
import { podIndexes } from '../pod-state.ts'
import { keepHistory, planHistoryCleanup, removeRevisions, revisionLabel } from '../revision-history.ts'
import type { History } from '../revision-history.ts'
import { slowStart } from '../slow-start.ts'
import { daemonPodOf, nextDaemonAvailableMs, nodeOf, planDaemonSet, planDaemonSetStatus } from './daemonset.plan.ts'
import type { DaemonView } from './daemonset.plan.ts'

const defaultHistoryLimit = 10
/** How long a failed pod stays before it is removed and made anew: doubled with each failure on that node, forgotten after a while. */
const firstFailureDelayMs = 1_000
const maxFailureDelayMs = 15 * 60_000

/** Keeps one pod of each DaemonSet on every node that is to have one. */
export function createDaemonSetController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<AppsV1DaemonSet> {
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  const nodes = informers.informer(CoreV1Node)
  const sets = informers.informer(AppsV1DaemonSet)
  const revisions = informers.informer(AppsV1ControllerRevision, {
    indexes: { namespace: ({ metadata }) => [metadata.namespace!] },
  })
  const failures = new FailureDelays()
  return {
    name: 'daemonset',
    for: AppsV1DaemonSet,
    owns: [CoreV1Pod, AppsV1ControllerRevision],
    watches: [watch(CoreV1Node, () => [...sets.list()].map(keyOf))],
    async reconcile(set, context) {
      if (set.metadata.deletionTimestamp !== undefined) return undefined
      const { uid, namespace } = set.metadata
      const selector = selectorFromObject(set.spec.selector) ?? []
      const shared = { client: context.client, owner: set, ownerKind: AppsV1DaemonSet }
      const candidates = [...pods.byIndex('controller', uid!), ...pods.byIndex('controller', `orphans/${namespace}`)]
      const mine = await claim({ ...shared, kind: CoreV1Pod, plan: planClaims(set, selector, candidates) })
      const owner = controllerReference(AppsV1DaemonSet, set)
      const history = await keepHistory({
        ...shared,
        selector,
        hashLabel: revisionLabel,
        candidates: revisions.byIndex('namespace', namespace!),
      })
      if (history === undefined) return undefined
      const view = { set, nodes: [...nodes.list()], pods: mine, hash: hashOf(history), now: context.now }

      const plan = planDaemonSet(view)

      const created = await slowStart(
        plan.create.length,
        takeEach(plan.create, (node) => createOwnedPod(set, daemonPodOf(set, node, { hash: view.hash, owner }), context)),
      )
      for (const pod of plan.remove) await deleteOwnedPod(set, pod, context)
      const retryMs = await removeFailed(plan.failed, { set, failures, context })
      const live = new Set(mine.map(({ metadata }) => `${set.metadata.name}-${metadata.labels?.[revisionLabel]}`))
      await removeRevisions(context.client, planHistoryCleanup(history, live, set.spec.revisionHistoryLimit ?? defaultHistoryLimit))

      await report(view, history.collisionCount, context)
      if (created.error !== undefined) throw created.error
      const waits = [retryMs, nextDaemonAvailableMs(view)].filter((ms) => ms !== undefined)
      return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) }
    },
  }
}

const hashOf = ({ update }: History) => update.metadata.labels![revisionLabel]!

/** A call that takes the next of `items` each time. */
function takeEach<T>(items: readonly T[], call: (item: T) => Promise<void>): () => Promise<void> {
  let next = 0
  return () => call(items[next++]!)
}

/** Removes failed pods whose delay is over; answers how long until the next one is due. */
async function removeFailed(
  pods: readonly CoreV1Pod[],
  { set, failures, context }: { readonly set: AppsV1DaemonSet; readonly failures: FailureDelays; readonly context: ReconcileContext },
): Promise<number | undefined> {
  let nextMs: number | undefined
  for (const pod of pods) {
    const node = nodeOf(pod) ?? ''
    const dueAt = failures.dueAt(`${set.metadata.uid}/${node}`, pod.metadata.uid!, context.now)
    if (dueAt > context.now) nextMs = Math.min(nextMs ?? Infinity, dueAt - context.now)
    else {
      const message = `Found failed daemon pod ${keyOf(pod)} on node ${node}, will try to kill it`
      context.events.event(set, 'Warning', 'FailedDaemonPod', message)
      await deleteOwnedPod(set, pod, context)
    }
  }
  return nextMs
}

interface Failure {
  readonly pod: string
  readonly delayMs: number
  readonly at: number
}

/** Remembers how often pods failed on a node. Bounded by forgetting what is older than twice the longest delay. */
class FailureDelays {
  readonly #failures = new Map<string, Failure>()

  /** When this failed pod may be removed: at once for the first failure, later for each one after it. */
  dueAt(key: string, pod: string, now: number): number {
    for (const [other, { at }] of this.#failures) if (now - at > 2 * maxFailureDelayMs) this.#failures.delete(other)
    const last = this.#failures.get(key)
    if (last?.pod === pod) return last.at + last.delayMs
    const delayMs = last === undefined ? 0 : Math.min(Math.max(firstFailureDelayMs, last.delayMs * 2), maxFailureDelayMs)
    this.#failures.set(key, { pod, delayMs, at: now })
    return now + delayMs
  }
}

async function report(view: DaemonView, collisionCount: number, { client }: ReconcileContext): Promise<void> {
  const { set } = view
  const required = ['currentNumberScheduled', 'desiredNumberScheduled', 'numberMisscheduled', 'numberReady'] as const
  const computed = planDaemonSetStatus({ ...view, collisionCount })
  const conditions = set.status?.conditions
  const status = withoutZeros({ ...computed, ...(conditions === undefined ? {} : { conditions }) }, required)
  await reportStatus(client, AppsV1DaemonSet, set, status)
}
