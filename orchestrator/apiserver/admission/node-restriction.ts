import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { forbidden } from '../../api/status-error.ts'
import { isNodeServedEndpoint, nodeNameOf } from '../auth/node-authorizer.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

/** A node agent makes only its own Node and lease, the endpoints of what it serves itself, and pods only as mirrors of what its host runs by itself. */
export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  admit({ operation, declaration, user, namespace, name, subresource, object }) {
    const node = nodeNameOf(user)
    if (node === undefined || operation !== 'CREATE' || subresource !== '') return
    const refuse = (why: string) => forbidden(declaration.kind, name, `node ${JSON.stringify(node)} ${why}`)
    switch (resourceOf(declaration)) {
      case 'nodes':
        if (name !== node) throw refuse(`is not allowed to create node ${JSON.stringify(name)}`)
        return
      case 'csinodes.storage.k8s.io':
        if (name !== node) throw refuse(`is not allowed to create CSINode ${JSON.stringify(name)}`)
        return
      case 'endpoints':
      case 'endpointslices.discovery.k8s.io':
        if (!isNodeServedEndpoint(namespace, name)) throw refuse('can only create the endpoints of services that nodes themselves serve')
        return
      case 'leases.coordination.k8s.io':
        if (name !== node) throw refuse('can only create a lease with its own name')
        return
      case 'pods': {
        const { spec, metadata } = object as CoreV1Pod
        if (metadata.annotations?.['kubernetes.io/config.mirror'] === undefined) throw refuse('can only create mirror pods')
        if (spec?.nodeName !== node) throw refuse('can only create pods with spec.nodeName set to itself')
      }
    }
  },
}
