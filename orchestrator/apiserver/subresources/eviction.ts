import type { CoreV1Pod, PolicyV1Eviction, PolicyV1PodDisruptionBudget } from '../../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../../api/labels.ts'
import { badRequest, internalError, methodNotAllowed, notFound, StatusError, tooManyRequests } from '../../api/status-error.ts'
import { isStoreError } from '../../store/store.ts'
import { copyJson } from '../rest/copy.ts'
import type { Core, Target } from '../rest/core.ts'
import { decodeBody } from '../rest/decode.ts'
import { deleteObject } from '../rest/delete.ts'
import { isDryRun } from '../rest/delete-options.ts'
import { contextOf, type SubresourceHandler } from '../rest/resources.ts'

const expected = { group: 'policy', version: 'v1', kind: 'Eviction', definition: 'io.k8s.api.policy.v1.Eviction' }
const budgetsPrefix = 'policy/poddisruptionbudgets/'

/** `pods/eviction`: removes a pod unless a disruption budget forbids it now (429). */
export const eviction: SubresourceHandler = async (core, target, request) => {
  const { declaration } = target.view
  if (request.info.verb !== 'create') throw methodNotAllowed(declaration.kind, request.info.method)
  const { metadata, deleteOptions = {} } = decodeBody<PolicyV1Eviction>(request, expected)
  if (metadata?.name && metadata.name !== target.name) throw badRequest(`name in URL does not match name in Eviction object`)
  const entry = core.store.get(target.view.keyOf(target.namespace, target.name))
  if (entry === undefined) throw notFound(declaration.kind, target.name)
  const pod = entry.object as CoreV1Pod
  const isFree = pod.metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed', 'Pending'].includes(pod.status?.phase ?? '')
  const dry = isDryRun(request, deleteOptions.dryRun)
  if (!isFree) await takeDisruption(core, target, pod, dry)
  const { gracePeriodSeconds, propagationPolicy, preconditions } = deleteOptions
  await deleteObject(core, target, {
    ...contextOf(core, request, declaration),
    isDryRun: dry,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy: propagationPolicy as 'Background' }),
    ...(preconditions === undefined ? {} : { preconditions }),
  })
  return { type: 'object', code: 201, object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } }
}

/** Counts the disruption on the pod's budget. Throws 429 when it allows none. */
async function takeDisruption(core: Core, { namespace, name }: Target, pod: CoreV1Pod, isDry: boolean): Promise<void> {
  for (;;) {
    const budget = budgetOf(core, namespace, pod)
    if (budget === undefined) return
    const { spec, status } = budget.object
    if (!isReady(pod) && mayGoUnready(spec.unhealthyPodEvictionPolicy, status)) return
    refuseUnallowed(budget.object)
    if (isDry) return
    const next = copyJson(budget.object)
    next.status = {
      ...status!,
      disruptionsAllowed: status!.disruptionsAllowed - 1,
      disruptedPods: { ...status!.disruptedPods, [name]: new Date(core.clock.now()).toISOString() },
    }
    try {
      await core.store.put(budget.key, next, budget.revision)
      return
    } catch (error) {
      if (!isStoreError(error, 'conflict')) throw error
    }
  }
}

/** The one budget that selects the pod, as it is stored. */
function budgetOf(core: Core, namespace: string, pod: CoreV1Pod) {
  const budgets = core.store
    .list(`${budgetsPrefix}${namespace}/`)
    .entries.filter(({ object }) => selects(object as PolicyV1PodDisruptionBudget, pod))
  if (budgets.length > 1)
    throw internalError(new Error('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'))
  const [entry] = budgets
  return entry === undefined ? undefined : { ...entry, object: entry.object as PolicyV1PodDisruptionBudget }
}

function refuseUnallowed({ metadata, status }: PolicyV1PodDisruptionBudget): void {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    throw disruptionRefused(metadata.name!, 'is still being processed by the server.', 10)
  if ((status?.disruptionsAllowed ?? 0) > 0) return
  const counts = `needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`
  throw disruptionRefused(metadata.name!, counts, 0)
}

const isReady = ({ status }: CoreV1Pod) =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true

/** A pod that serves nobody takes nothing from a budget: by default only while enough others are healthy. */
function mayGoUnready(policy: string | undefined, status: PolicyV1PodDisruptionBudget['status']): boolean {
  if (policy === 'AlwaysAllow') return true
  return status !== undefined && status.desiredHealthy > 0 && status.currentHealthy >= status.desiredHealthy
}

function selects({ spec }: PolicyV1PodDisruptionBudget, pod: CoreV1Pod): boolean {
  const selector = selectorFromObject(spec?.selector)
  return selector !== undefined && matchesLabels(selector, pod.metadata.labels)
}

function disruptionRefused(budget: string, why: string, retryAfterSeconds: number): StatusError {
  const { status } = tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retryAfterSeconds)
  const causes = [{ reason: 'DisruptionBudget', message: `The disruption budget ${budget} ${why}` }]
  return new StatusError({ ...status, details: retryAfterSeconds > 0 ? { causes, retryAfterSeconds } : { causes } })
}
