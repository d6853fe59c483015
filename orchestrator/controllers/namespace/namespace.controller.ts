import { CoreV1Namespace } from '../../api/generated/kinds.ts'
import type { Kind, KubeObject } from '../../api/object.ts'
import { isNotFound, statusOf } from '../../api/status-error.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import type { DiscoverNamespaced } from '../discovery.ts'
import { messageOf } from '../refusal.ts'
import { isEmpty, planNamespaceConditions } from './namespace.plan.ts'
import type { NamespaceContent } from './namespace.plan.ts'

const finalizer = 'kubernetes'
/** How long until a namespace that still has content is looked through again. */
const recheckMs = 1_000
/** Objects deleted at the same time. */
const parallelDeletions = 32

/** Empties namespaces that are being deleted and lets them go when nothing is left. */
export function createNamespaceController({ discover }: { readonly discover: DiscoverNamespaced }): ControllerDeclaration<CoreV1Namespace> {
  return {
    name: 'namespace',
    for: CoreV1Namespace,
    workers: 10,
    async reconcile(namespace, context) {
      const { metadata, spec } = namespace
      if (metadata.deletionTimestamp === undefined || !(spec?.finalizers ?? []).includes(finalizer)) return undefined
      const content = await removeContent(metadata.name!, discover, context)
      const current = await reportContent(namespace, content, context)
      if (current === undefined) return undefined
      if (!isEmpty(content)) return { requeueAfterMs: recheckMs }
      const rest = (spec.finalizers ?? []).filter((name) => name !== finalizer)
      await context.client.putSubresource<CoreV1Namespace>(CoreV1Namespace, { name: metadata.name! }, 'finalize', {
        ...current,
        spec: { ...spec, finalizers: rest },
      })
      return undefined
    },
  }
}

/**
 * Deletes everything in the namespace and answers what is left. Pods go first and everything else once they are gone, so that no pod runs
 * without the policies, limits and secrets that it was started with. Nothing replaces them: no object is made in such a namespace.
 */
async function removeContent(namespace: string, discover: DiscoverNamespaced, { client }: ReconcileContext): Promise<NamespaceContent> {
  const { kinds, failures } = await discover()
  const remaining = new Map<string, number>()
  const finalizers = new Map<string, number>()
  const deletionFailures: string[] = []
  const ordered = [...kinds].sort((a, b) => Number(isPods(b)) - Number(isPods(a)))
  for (const kind of ordered) {
    if (!isPods(kind) && remaining.has(podsResource)) break
    const resource = `${kind.plural}.${kind.group}`
    try {
      const left = await removeObjects(kind, namespace, client)
      if (left.length > 0) remaining.set(resource, left.length)
      for (const { metadata } of left) for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1)
    } catch (error) {
      // A resource that was discovered and can't be listed after all (an old version, a view) holds nothing up.
      if (statusOf(error)?.code !== 404 && statusOf(error)?.code !== 405) deletionFailures.push(`${resource}: ${messageOf(error)}`)
    }
  }
  return { remaining, finalizers, discoveryFailures: failures, deletionFailures }
}

const podsResource = 'pods.'
const isPods = ({ group, plural }: Kind) => `${plural}.${group}` === podsResource

/** Deletes all objects of a kind and answers those that stay for a while. */
async function removeObjects(kind: Kind, namespace: string, client: ReconcileContext['client']): Promise<readonly KubeObject[]> {
  const { items } = await client.list(kind, { namespace })
  const left: KubeObject[] = []
  for (let start = 0; start < items.length; start += parallelDeletions) {
    const batch = items.slice(start, start + parallelDeletions).map(async (object) => {
      if (object.metadata.deletionTimestamp !== undefined) return object
      return client
        .delete(kind, { namespace, name: object.metadata.name! }, { propagationPolicy: 'Background' })
        .catch((error: unknown) => {
          if (isNotFound(error)) return undefined
          throw error
        })
    })
    for (const held of await Promise.all(batch)) if (held !== undefined) left.push(held)
  }
  return left
}

async function reportContent(
  namespace: CoreV1Namespace,
  content: NamespaceContent,
  { client, now }: ReconcileContext,
): Promise<CoreV1Namespace | undefined> {
  const previous = namespace.status?.conditions ?? []
  const conditions = planNamespaceConditions(previous, content, now)
  if (conditions === previous && namespace.status?.phase === 'Terminating') return namespace
  try {
    return await client.updateStatus(CoreV1Namespace, { ...namespace, status: { phase: 'Terminating', conditions: [...conditions] } })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
