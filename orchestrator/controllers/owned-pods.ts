import { CoreV1Pod } from '../api/generated/kinds.ts'
import type { KubeObject } from '../api/object.ts'
import { isNotFound } from '../api/status-error.ts'
import type { ReconcileContext } from './controller.ts'
import { isNamespaceTerminating, messageOf } from './refusal.ts'

/** Makes a pod for its owner and says so in an event. A namespace on its way out takes nothing in, and everything in it goes: nobody needs to hear of that. */
export async function createOwnedPod(owner: KubeObject, pod: CoreV1Pod, { client, events }: ReconcileContext): Promise<void> {
  try {
    const created = await client.create(CoreV1Pod, pod)
    events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
  } catch (error) {
    if (isNamespaceTerminating(error)) return
    events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
    throw error
  }
}

/** Deletes exactly this pod of its owner and says so in an event; one that has gone meanwhile is no trouble. */
export async function deleteOwnedPod(owner: KubeObject, { metadata }: CoreV1Pod, { client, events }: ReconcileContext): Promise<void> {
  try {
    await client.delete(CoreV1Pod, { namespace: metadata.namespace, name: metadata.name! }, { preconditions: { uid: metadata.uid } })
    events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${metadata.name}`)
  } catch (error) {
    if (isNotFound(error)) return
    events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
    throw error
  }
}
