import type { CoreV1Namespace } from '../../api/generated/kinds.ts'
import { forbidden, notFound, StatusError } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

/** Namespaces that the server itself needs. */
const immortal = new Set(['default', 'kube-system', 'kube-public'])

/** Nothing is created in a namespace that does not exist or is on its way out; some namespaces cannot be removed. */
export function namespaceLifecycle(store: Store): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    admit({ operation, declaration, namespace, name }) {
      const resource = resourceOf(declaration)
      if (operation === 'DELETE' && resource === 'namespaces' && immortal.has(name))
        throw forbidden(declaration.kind, name, 'this namespace may not be deleted')
      if (operation !== 'CREATE' || !declaration.kind.isNamespaced) return
      const found = store.get(`core/namespaces/${namespace}`)?.object as CoreV1Namespace | undefined
      if (found === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace)
      if (found.metadata.deletionTimestamp === undefined) return
      const { status } = forbidden(
        declaration.kind,
        name,
        `unable to create new content in namespace ${namespace} because it is being terminated`,
      )
      const causes = [
        { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
      ]
      throw new StatusError({ ...status, details: { ...status.details, causes } })
    },
  }
}
