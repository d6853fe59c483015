import { CoreV1Namespace, CoreV1ServiceAccount } from '../../api/generated/kinds.ts'
import { isAlreadyExists } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { isNamespaceTerminating } from '../refusal.ts'

const name = 'default'

/** Keeps a ServiceAccount `default` in every namespace. */
export function createServiceAccountController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1Namespace> {
  const accounts = informers.informer(CoreV1ServiceAccount)
  return {
    name: 'serviceaccount',
    for: CoreV1Namespace,
    watches: [watch(CoreV1ServiceAccount, ({ metadata }) => (metadata.name === name ? [metadata.namespace!] : []))],
    async reconcile({ metadata }, { client }) {
      const namespace = metadata.name!
      if (metadata.deletionTimestamp !== undefined || accounts.get(`${namespace}/${name}`) !== undefined) return undefined
      try {
        await client.create(CoreV1ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } })
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
      }
      return undefined
    },
  }
}
