import { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { CoreV1Binding } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'
import type { Plugin } from '../framework.ts'

/** Binds through the API: POST of a Binding, which the server takes only while the pod is the one that was looked at. */
export const createDefaultBinder = ({ client }: { readonly client: Client }): Plugin<never> => ({
  name: 'DefaultBinder',
  bind: async ({ metadata }, nodeName) => {
    const { namespace, uid } = metadata
    const name = metadata.name!
    const binding: CoreV1Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    }
    await client.createSubresource(CoreV1Pod, { namespace, name }, 'binding', binding)
  },
})
