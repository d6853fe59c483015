import { AppsV1ControllerRevision, AppsV1StatefulSet, CoreV1PersistentVolumeClaim, CoreV1Pod } from '../../api/generated/kinds.ts'
import { selectorFromObject } from '../../api/labels.ts'
import { apiVersionOf, keyOf } from '../../api/object.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import { reportStatus, withoutZeros } from '../status.ts'
import { claim, controllerReference, planClaims } from '../adoption.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { podIndexes } from '../pod-state.ts'
import { ignorePresent, isNamespaceTerminating, messageOf } from '../refusal.ts'
import { keepHistory, planHistoryCleanup, removeRevisions, revisionLabel, templateOf } from '../revision-history.ts'
import type { History } from '../revision-history.ts'
import {
  claimOwner,
  claimsOf,
  nextAvailableMs,
  ordinalOf,
  planStatefulSet,
  planStatefulSetStatus,
  podNameLabel,
  podOf,
} from './statefulset.plan.ts'
import type { StatefulView } from './statefulset.plan.ts'

/** The label of a revision that carries the hash of its template. */
const revisionHashLabel = 'controller.kubernetes.io/hash'
const defaultHistoryLimit = 10

/** Keeps a pod of its own name, address and claims for each ordinal of each StatefulSet. */
export function createStatefulSetController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<AppsV1StatefulSet> {
  const byNamespace = { namespace: ({ metadata }: { metadata: { namespace?: string } }) => [metadata.namespace!] }
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  const revisions = informers.informer(AppsV1ControllerRevision, { indexes: byNamespace })
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  return {
    name: 'statefulset',
    for: AppsV1StatefulSet,
    owns: [CoreV1Pod, AppsV1ControllerRevision],
    // Its changes matter to nobody here; but what is written of claims has to be seen before the next step.
    watches: [watch(CoreV1PersistentVolumeClaim, () => [])],
    async reconcile(set, context) {
      if (set.metadata.deletionTimestamp !== undefined) return undefined
      const { uid, namespace } = set.metadata
      const selector = selectorFromObject(set.spec.selector) ?? []
      const named = (pod: CoreV1Pod) => ordinalOf(set, pod) !== undefined
      const candidates = [...pods.byIndex('controller', uid!), ...[...pods.byIndex('controller', `orphans/${namespace}`)].filter(named)]
      const shared = { client: context.client, owner: set, ownerKind: AppsV1StatefulSet }
      const mine = await claim({ ...shared, kind: CoreV1Pod, plan: planClaims(set, selector, candidates) })
      const history = await keepHistory({
        ...shared,
        selector,
        hashLabel: revisionHashLabel,
        candidates: revisions.byIndex('namespace', namespace!),
      })
      if (history === undefined) return undefined
      const update = history.update.metadata.name!
      const current = set.status?.currentRevision ?? ''
      const isKept = history.revisions.some(({ metadata }) => metadata.name === current)
      const view = { set, pods: mine, revisions: { current: isKept ? current : update, update }, now: context.now }

      const plan = planStatefulSet(view)

      const error = await act(view, plan, { history, claims, context })
      const live = new Set([...mine.map(({ metadata }) => metadata.labels?.[revisionLabel] ?? ''), view.revisions.current])
      await removeRevisions(context.client, planHistoryCleanup(history, live, set.spec.revisionHistoryLimit ?? defaultHistoryLimit))

      await report(view, history.collisionCount, context)
      if (error !== undefined) throw error
      const requeueAfterMs = nextAvailableMs(view)
      return requeueAfterMs === undefined ? undefined : { requeueAfterMs }
    },
  }
}

interface Actors {
  readonly history: History
  readonly claims: Informer<CoreV1PersistentVolumeClaim>
  readonly context: ReconcileContext
}

/** Carries the plan out as far as it goes; answers the first error, so that the status is told all the same. */
async function act(view: StatefulView, plan: ReturnType<typeof planStatefulSet>, actors: Actors): Promise<unknown> {
  try {
    for (const pod of view.pods) await keepIdentity(view.set, pod, actors)
    for (const step of plan.create) await createPod(view.set, step, actors)
    for (const pod of plan.remove) await deletePod(view.set, pod, actors.context)
    return undefined
  } catch (error) {
    return isNamespaceTerminating(error) ? undefined : error
  }
}

/** Gives an adopted pod its label, and brings the claims of a pod under the set's retention policy. */
async function keepIdentity(set: AppsV1StatefulSet, pod: CoreV1Pod, { claims, context: { client } }: Actors): Promise<void> {
  const { name, namespace, labels, deletionTimestamp } = pod.metadata
  if (labels?.[podNameLabel] !== name && deletionTimestamp === undefined) {
    const body = { metadata: { labels: { [podNameLabel]: name } } }
    await client.patch(CoreV1Pod, { namespace, name: name! }, { type: 'application/merge-patch+json', body })
  }
  const ordinal = ordinalOf(set, pod)
  if (ordinal === undefined) return
  const owner = claimOwner(set, ordinal)
  const wanted =
    owner === 'set'
      ? { apiVersion: apiVersionOf(AppsV1StatefulSet), kind: 'StatefulSet', name: set.metadata.name!, uid: set.metadata.uid! }
      : owner === 'pod'
        ? { apiVersion: 'v1', kind: 'Pod', name: name!, uid: pod.metadata.uid! }
        : undefined
  for (const { claim: template } of claimsOf(set, ordinal)) {
    const present = claims.get(keyOf(template))
    if (present === undefined) continue
    const owners = present.metadata.ownerReferences ?? []
    const others = owners.filter(({ kind, name: ownerName }) => !isOurs(set, name!, kind, ownerName))
    const ownerReferences = wanted === undefined ? others : [...others, wanted]
    const ids = (list: readonly { readonly uid: string }[]) => list.map(({ uid }) => uid).join()
    if (ids(owners) === ids(ownerReferences)) continue
    const body = { metadata: { resourceVersion: present.metadata.resourceVersion, ownerReferences } }
    await client.patch(
      CoreV1PersistentVolumeClaim,
      { namespace, name: present.metadata.name! },
      { type: 'application/merge-patch+json', body },
    )
  }
}

const isOurs = (set: AppsV1StatefulSet, podName: string, kind: string, name: string) =>
  (kind === 'StatefulSet' && name === set.metadata.name) || (kind === 'Pod' && name === podName)

async function createPod(
  set: AppsV1StatefulSet,
  { ordinal, revision }: { readonly ordinal: number; readonly revision: string },
  { history, claims, context: { client, events } }: Actors,
): Promise<void> {
  const of = history.revisions.find(({ metadata }) => metadata.name === revision)
  const template = of === undefined ? set.spec.template : templateOf(of)
  const pod = podOf(set, template, { ordinal, revision, owner: controllerReference(AppsV1StatefulSet, set) })
  const about = `in StatefulSet ${set.metadata.name}`
  try {
    for (const { claim: wanted } of claimsOf(set, ordinal)) {
      const present = claims.get(keyOf(wanted))
      if (present?.metadata.deletionTimestamp !== undefined) {
        throw new Error(`claim ${wanted.metadata.name} is being deleted; the pod waits for it to be gone`)
      }
      if (present !== undefined) continue
      await ignorePresent(client.create(CoreV1PersistentVolumeClaim, wanted))
      events.event(set, 'Normal', 'SuccessfulCreate', `create Claim ${wanted.metadata.name} Pod ${pod.metadata.name} ${about} success`)
    }
    await client.create(CoreV1Pod, pod)
    events.event(set, 'Normal', 'SuccessfulCreate', `create Pod ${pod.metadata.name} ${about} successful`)
  } catch (error) {
    if (!isNamespaceTerminating(error)) {
      events.event(set, 'Warning', 'FailedCreate', `create Pod ${pod.metadata.name} ${about} failed error: ${messageOf(error)}`)
    }
    throw error
  }
}

async function deletePod(set: AppsV1StatefulSet, { metadata }: CoreV1Pod, { client, events }: ReconcileContext): Promise<void> {
  const about = `Pod ${metadata.name} in StatefulSet ${set.metadata.name}`
  try {
    await client.delete(CoreV1Pod, { namespace: metadata.namespace, name: metadata.name! }, { preconditions: { uid: metadata.uid } })
    events.event(set, 'Normal', 'SuccessfulDelete', `delete ${about} successful`)
  } catch (error) {
    if (isNotFound(error)) return
    events.event(set, 'Warning', 'FailedDelete', `delete ${about} failed error: ${messageOf(error)}`)
    throw error
  }
}

async function report(view: StatefulView, collisionCount: number, { client }: ReconcileContext): Promise<void> {
  const { set } = view
  const computed = planStatefulSetStatus({ ...view, collisionCount })
  const status = withoutZeros({ ...computed, ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }) }, [
    'replicas',
    'availableReplicas',
  ])
  await reportStatus(client, AppsV1StatefulSet, set, status)
}
