import { isDeepStrictEqual } from 'node:util'
import { CoreV1ConfigMap, CoreV1Namespace } from '../../api/generated/kinds.ts'
import { isAlreadyExists } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { isNamespaceTerminating } from '../refusal.ts'

const name = 'kube-root-ca.crt'
const annotations = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
}

/** Keeps the cluster's CA certificate in a ConfigMap `kube-root-ca.crt` in every namespace, for pods to verify the API server by. */
export function createRootCaController({
  informers,
  rootCa,
}: {
  readonly informers: InformerFactory
  readonly rootCa: string
}): ControllerDeclaration<CoreV1Namespace> {
  const configMaps = informers.informer(CoreV1ConfigMap)
  const data = { 'ca.crt': rootCa }
  return {
    name: 'root-ca-certificate-publisher',
    for: CoreV1Namespace,
    watches: [watch(CoreV1ConfigMap, ({ metadata }) => (metadata.name === name ? [metadata.namespace!] : []))],
    async reconcile({ metadata }, { client }) {
      const namespace = metadata.name!
      const current = configMaps.get(`${namespace}/${name}`)
      if (metadata.deletionTimestamp !== undefined || isDeepStrictEqual(current?.data, data)) return undefined
      try {
        if (current === undefined)
          await client.create(CoreV1ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, annotations }, data })
        else await client.update(CoreV1ConfigMap, { ...current, data })
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
      }
      return undefined
    },
  }
}
