import type { Kind, KubeObject } from '../api/object.ts'
import type { Client } from '../client/client.ts'
import { ignoreGone } from './refusal.ts'

/** Takes a finalizer off exactly the object that was looked at; one without it, or that has gone meanwhile, is no trouble. */
export async function removeFinalizer<T extends KubeObject>(client: Client, kind: Kind<T>, { metadata }: T, name: string): Promise<void> {
  if (metadata.finalizers?.includes(name) !== true) return
  const finalizers = metadata.finalizers.filter((other) => other !== name)
  const body = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, finalizers } }
  const key = { namespace: metadata.namespace, name: metadata.name! }
  await ignoreGone(client.patch(kind, key, { type: 'application/merge-patch+json', body }))
}
