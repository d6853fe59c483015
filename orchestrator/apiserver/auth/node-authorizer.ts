import type { CoreV1Container, CoreV1PersistentVolume, CoreV1Pod, CoreV1PodSpec, CoreV1Volume } from '../../api/generated/kinds.ts'
import { claimsOfPod } from '../../api/persistent-volumes.ts'
import type { Store } from '../../store/store.ts'
import type { AccessAttributes, Authorizer, Decision } from './authorizer.ts'
import type { User } from './user.ts'

const nodesGroup = 'system:nodes'
const nodeUserPrefix = 'system:node:'

/** What every node may read whatever runs on it. */
const readable = new Set([
  'services',
  'endpoints',
  'nodes',
  'pods',
  'namespaces',
  'persistentvolumes',
  'endpointslices.discovery.k8s.io',
  'networkpolicies.networking.k8s.io',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  'runtimeclasses.node.k8s.io',
  'resourceslices.resource.k8s.io',
  'leases.coordination.k8s.io',
])
/** What a node may ask or report without it being its own. */
const writable = new Set([
  'create events',
  'patch events',
  'update events',
  'create events.events.k8s.io',
  'patch events.events.k8s.io',
  'create tokenreviews.authentication.k8s.io',
  'create subjectaccessreviews.authorization.k8s.io',
  'create localsubjectaccessreviews.authorization.k8s.io',
  'create certificatesigningrequests.certificates.k8s.io',
  'get certificatesigningrequests.certificates.k8s.io',
  'list certificatesigningrequests.certificates.k8s.io',
  'watch certificatesigningrequests.certificates.k8s.io',
])
const reads = new Set(['get', 'list', 'watch'])
const ownKinds = new Set(['nodes', 'leases.coordination.k8s.io', 'csinodes.storage.k8s.io'])
const ownVerbs = new Set(['get', 'update', 'patch', 'delete'])
const updates = new Set(['update', 'patch'])

const endpointKinds = new Set(['endpoints', 'endpointslices.discovery.k8s.io'])
/** Services whose endpoints are the nodes themselves: the cluster's DNS and the way to the API server. */
const nodeServed = ['kube-system/kube-dns', 'default/kubernetes']

/** Whether nodes keep the Endpoints or EndpointSlice of that name. Admission checks the name of new ones. */
export function isNodeServedEndpoint(namespace: string, name: string): boolean {
  const key = `${namespace}/${name}`
  return nodeServed.some((service) => key === service || (key.startsWith(service) && /^-\d+-\d+-\d+-\d+$/.test(key.slice(service.length))))
}

/** One that does not exist yet has no name to check; admission does that. */
function isOwnObject(node: string, { verb, resource, name, namespace }: AccessAttributes): boolean {
  return (verb === 'create' || (name === node && ownVerbs.has(verb))) && (resource !== 'leases' || namespace === 'kube-node-lease')
}

const allowed: Decision = { isAllowed: true, reason: '' }
const noOpinion: Decision = { isAllowed: false, reason: '' }

/** The name of the node that a user is, if it is one. */
export function nodeNameOf({ name, groups }: User): string | undefined {
  return groups.includes(nodesGroup) && name.startsWith(nodeUserPrefix) ? name.slice(nodeUserPrefix.length) : undefined
}

/**
 * Lets a node agent do what its node needs: read what pods in general need, the secrets, config maps, claims and accounts of its own pods,
 * and write its own Node, lease, and the status of its pods.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  authorize(attributes: AccessAttributes): Decision {
    const node = nodeNameOf(attributes.user)
    if (node === undefined || !attributes.isResource) return noOpinion
    return this.#isAllowed(node, attributes) ? allowed : { isAllowed: false, reason: this.#reason(node, attributes) }
  }

  #reason(node: string, { resource, verb }: AccessAttributes): string {
    return ownedByPods.has(resource) && reads.has(verb) ? `no relationship found between node '${node}' and this object` : ''
  }

  #isAllowed(node: string, attributes: AccessAttributes): boolean {
    const { verb, group, resource, subresource, name, namespace } = attributes
    const qualified = group === '' ? resource : `${resource}.${group}`
    if (subresource === '' && ((reads.has(verb) && readable.has(qualified)) || writable.has(`${verb} ${qualified}`))) return true
    if (ownKinds.has(qualified)) return isOwnObject(node, attributes)
    if (qualified === 'pods') return this.#mayWritePod(node, attributes)
    if (endpointKinds.has(qualified)) return verb === 'create' || (updates.has(verb) && isNodeServedEndpoint(namespace, name))
    if (group !== '' || !ownedByPods.has(resource)) return false
    const verbs = subresource === '' ? reads : subresourceVerbs.get(`${resource}/${subresource}`)
    return verbs?.has(verb) === true && this.#refers(node, attributes)
  }

  #mayWritePod(node: string, { verb, subresource, namespace, name }: AccessAttributes): boolean {
    if (subresource === '' && verb === 'create') return true
    const pod = this.#store.get(`core/pods/${namespace}/${name}`)?.object as CoreV1Pod | undefined
    if (pod?.spec?.nodeName !== node) return false
    return subresource === ''
      ? verb === 'delete'
      : (subresource === 'status' && updates.has(verb)) || (subresource === 'eviction' && verb === 'create')
  }

  /** Whether a pod of the node names the object. Collections cannot be had: only what is named. */
  #refers(node: string, { resource, namespace, name }: AccessAttributes): boolean {
    if (name === '') return false
    for (const { object } of this.#store.list(`core/pods/${namespace}/`).entries) {
      const { metadata, spec } = object as CoreV1Pod
      if (spec?.nodeName === node && namesOf(metadata.name ?? '', spec, resource).has(name)) return true
    }
    return resource === 'secrets' && this.#isOfVolume(node, namespace, name)
  }

  /** Whether a volume that a pod of the node claims names the secret, for its node to mount it with. */
  #isOfVolume(node: string, namespace: string, name: string): boolean {
    for (const { object } of this.#store.list('core/persistentvolumes/').entries) {
      const { csi, claimRef } = (object as CoreV1PersistentVolume).spec
      const secrets = [csi?.nodeStageSecretRef, csi?.nodePublishSecretRef, csi?.nodeExpandSecretRef]
      if (!secrets.some((secret) => secret?.name === name && secret.namespace === namespace)) continue
      const { namespace: claimNamespace = '', name: claimName = '' } = claimRef ?? {}
      for (const { object: pod } of this.#store.list(`core/pods/${claimNamespace}/`).entries) {
        const { metadata, spec } = pod as CoreV1Pod
        if (spec?.nodeName === node && claimsOfPod(metadata.name ?? '', spec).includes(claimName)) return true
      }
    }
    return false
  }
}

/** What a node may do beside reading: tokens for its pods, and telling a claim that its file system has grown. */
const subresourceVerbs: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['serviceaccounts/token', new Set(['create'])],
  ['persistentvolumeclaims/status', updates],
])

const ownedByPods = new Set(['secrets', 'configmaps', 'persistentvolumeclaims', 'serviceaccounts'])

/** The names of the secrets, config maps, claims or accounts that a pod uses. */
function namesOf(podName: string, spec: CoreV1PodSpec, resource: string): Set<string> {
  const names = new Set<string>()
  const add = (name: string | undefined) => {
    if (name !== undefined && name !== '') names.add(name)
  }
  if (resource === 'serviceaccounts') add(spec.serviceAccountName)
  if (resource === 'persistentvolumeclaims') for (const name of claimsOfPod(podName, spec)) add(name)
  if (resource === 'secrets') for (const { name } of spec.imagePullSecrets ?? []) add(name)
  for (const volume of spec.volumes ?? []) for (const name of namesOfVolume(volume, resource)) add(name)
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]
  for (const container of containers) for (const name of namesOfEnvironment(container, resource)) add(name)
  return names
}

function namesOfEnvironment(
  { env = [], envFrom = [] }: Pick<CoreV1Container, 'env' | 'envFrom'>,
  resource: string,
): (string | undefined)[] {
  if (resource === 'secrets')
    return [...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name), ...envFrom.map(({ secretRef }) => secretRef?.name)]
  if (resource === 'configmaps')
    return [...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name), ...envFrom.map(({ configMapRef }) => configMapRef?.name)]
  return []
}

function namesOfVolume(volume: CoreV1Volume, resource: string): (string | undefined)[] {
  const sources = volume.projected?.sources ?? []
  switch (resource) {
    case 'secrets':
      return [volume.secret?.secretName, volume.csi?.nodePublishSecretRef?.name, ...sources.map(({ secret }) => secret?.name)]
    case 'configmaps':
      return [volume.configMap?.name, ...sources.map(({ configMap }) => configMap?.name)]
    default:
      return []
  }
}
