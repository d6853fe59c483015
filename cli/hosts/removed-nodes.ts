import { CoreV1ConfigMap } from '../../orchestrator/api/generated/kinds.ts'
import { isRemoved, removedNodesKey } from '../../orchestrator/api/node-membership.ts'
import { isAlreadyExists, isNotFound } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'

/** A Node: its name may be another's later, its uid never. */
export interface NodeIdentity {
  readonly name: string
  readonly uid: string
}

/** Whether a Node was taken out of the cluster for good. */
export async function wasNodeRemoved(client: Client, node: NodeIdentity): Promise<boolean> {
  try {
    return isRemoved(await client.get(CoreV1ConfigMap, removedNodesKey), node)
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

/** Says of a Node that it is out for good, before it is deleted: its agent, which may not even be up, reads it. */
export async function markRemoved(client: Client, { name, uid }: NodeIdentity): Promise<void> {
  const data = { [name]: uid }
  const patch = () => client.patch(CoreV1ConfigMap, removedNodesKey, { type: 'application/merge-patch+json', body: { data } })
  try {
    await patch()
  } catch (error) {
    if (!isNotFound(error)) throw error
    const fresh: CoreV1ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...removedNodesKey }, data }
    await client.create(CoreV1ConfigMap, fresh).catch((conflict: unknown) => {
      if (!isAlreadyExists(conflict)) throw conflict
      return patch()
    })
  }
}

/** Forgets that a node was removed: nothing of it is left that could come back. */
export async function unmarkRemoved(client: Client, name: string): Promise<void> {
  const body = { data: { [name]: null } }
  await client.patch(CoreV1ConfigMap, removedNodesKey, { type: 'application/merge-patch+json', body }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error
  })
}
