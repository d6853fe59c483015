import type {
  ApiregistrationV1APIService,
  CoreV1ConfigMap,
  CoreV1Endpoints,
  CoreV1LimitRange,
  CoreV1Namespace,
  CoreV1Service,
  CoreV1ServiceAccount,
  DiscoveryV1EndpointSlice,
  SchedulingV1PriorityClass,
  StorageV1StorageClass,
} from '../../api/generated/kinds.ts'
import type { ClusterSettings } from '../../api/cluster-settings.ts'
import { kinds } from '../../api/kinds.ts'
import { localDriver } from '../../api/persistent-volumes.ts'

/** What the first objects say of this cluster. */
export interface BootstrapFacts {
  readonly clusterDnsIp: string
  /** The first address of the service network. */
  readonly kubernetesIp: string
  /** Where clients reach the API server, as the endpoint of `default/kubernetes`. */
  readonly advertise: { readonly host: string; readonly port: number }
  /** The authority of client certificates and of the server's own. */
  readonly clientCa: string
  readonly frontProxy: { readonly ca: string; readonly allowedNames: readonly string[] }
  /** The metrics API's server; absent without one. */
  readonly monitor?: { readonly host: string; readonly port: number; readonly caBundle: string }
  /** What hosts that join have to know; told to none where absent. */
  readonly settings?: ClusterSettings
}

export const namespaceNames = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const
/** The group versions that the monitor serves; of a group the version with the higher priority is the preferred one. */
const monitorVersions = [
  { group: 'metrics.k8s.io', version: 'v1beta1', versionPriority: 100 },
  { group: 'custom.metrics.k8s.io', version: 'v1beta2', versionPriority: 200 },
  { group: 'custom.metrics.k8s.io', version: 'v1beta1', versionPriority: 100 },
  { group: 'external.metrics.k8s.io', version: 'v1beta1', versionPriority: 100 },
]
const providerLabels = { component: 'apiserver', provider: 'kubernetes' }

export const namespaces = (): CoreV1Namespace[] =>
  namespaceNames.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} }))

/** Pods can run in these namespaces from the first moment. */
export const serviceAccounts = (): CoreV1ServiceAccount[] =>
  namespaceNames.map((namespace) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } }))

export const priorityClasses = (): SchedulingV1PriorityClass[] => [
  priorityClass('system-node-critical', 2_000_001_000, 'Used for system critical pods that must not be moved from their current node.'),
  priorityClass(
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ),
]

function priorityClass(name: string, value: number, description: string): SchedulingV1PriorityClass {
  return {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description,
    preemptionPolicy: 'PreemptLowerPriority',
  }
}

/** Containers without a CPU request count with a tenth of a core, so that they can be scaled by their use. */
export const defaultLimits: CoreV1LimitRange = {
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name: 'limits', namespace: 'default' },
  spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '100m' } }] },
}

export function services({ clusterDnsIp, kubernetesIp, advertise, monitor }: BootstrapFacts): CoreV1Service[] {
  const kubernetes: CoreV1Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: providerLabels },
    spec: {
      type: 'ClusterIP',
      clusterIP: kubernetesIp,
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: advertise.port }],
    },
  }
  const dns: CoreV1Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kube-dns',
      namespace: 'kube-system',
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterDnsIp,
      // Every host answers its own pods.
      internalTrafficPolicy: 'Local',
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 },
      ],
    },
  }
  return monitor === undefined ? [kubernetes, dns] : [kubernetes, dns, monitorService(monitor)]
}

function monitorService({ host, port }: NonNullable<BootstrapFacts['monitor']>): CoreV1Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'binnacle-monitor', namespace: 'kube-system' },
    spec: { type: 'ExternalName', externalName: host, ports: [{ name: 'https', protocol: 'TCP', port, targetPort: port }] },
  }
}

/** The endpoint of `default/kubernetes` is not a pod: the server itself writes it. */
export function kubernetesEndpoints({ advertise: { host, port } }: BootstrapFacts): [CoreV1Endpoints, DiscoveryV1EndpointSlice] {
  const endpoints: CoreV1Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: host }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  }
  const slice: DiscoveryV1EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }
  return [endpoints, slice]
}

/** How API servers behind ours can tell that a request comes from it. */
export function authenticationConfig({ clientCa, frontProxy }: BootstrapFacts): CoreV1ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: {
      'client-ca-file': clientCa,
      'requestheader-client-ca-file': frontProxy.ca,
      'requestheader-allowed-names': JSON.stringify(frontProxy.allowedNames),
      'requestheader-username-headers': '["X-Remote-User"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    },
  }
}

/** What anybody may know: where the cluster is and by which authority to know it. Bootstrap tokens vouch for it. */
export function clusterInfo({ advertise: { host, port }, clientCa }: BootstrapFacts): CoreV1ConfigMap {
  const kubeconfig = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${Buffer.from(clientCa).toString('base64')}
    server: https://${host.includes(':') ? `[${host}]` : host}:${port}
  name: ""
contexts: null
current-context: ""
kind: Config
users: null
`
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cluster-info', namespace: 'kube-public' }, data: { kubeconfig } }
}

/** Volumes that are folders on the node of the pod that first uses them. */
export const localStorageClass: StorageV1StorageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: localDriver,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
}

/** One APIService per group version that is served here, and per one of the monitor. */
export function apiServices({ monitor }: BootstrapFacts): ApiregistrationV1APIService[] {
  const versions = new Map(
    kinds.filter(({ kind }) => kind.group !== '').map(({ kind: { group, version } }) => [`${version}.${group}`, { group, version }]),
  )
  const local = [...versions].map(([name, { group, version }]) =>
    apiService(name, {
      group,
      version,
      groupPriorityMinimum: group === '' ? 18_000 : 17_000,
      versionPriority: version.includes('beta') ? 9 : 15,
    }),
  )
  if (monitor === undefined) return local
  const shared = {
    groupPriorityMinimum: 100,
    caBundle: Buffer.from(monitor.caBundle).toString('base64'),
    service: { name: 'binnacle-monitor', namespace: 'kube-system', port: monitor.port },
  }
  return [...local, ...monitorVersions.map((served) => apiService(`${served.version}.${served.group}`, { ...served, ...shared }))]
}

function apiService(name: string, spec: ApiregistrationV1APIService['spec']): ApiregistrationV1APIService {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name, labels: { 'kube-aggregator.kubernetes.io/automanaged': 'true' } },
    spec,
  }
}
