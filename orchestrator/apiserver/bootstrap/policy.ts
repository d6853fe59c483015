import { clusterSettingsKey } from '../../api/cluster-settings.ts'
import { removedNodesKey } from '../../api/node-membership.ts'
import type {
  RbacV1ClusterRole,
  RbacV1ClusterRoleBinding,
  RbacV1PolicyRule,
  RbacV1Role,
  RbacV1RoleBinding,
  RbacV1Subject,
} from '../../api/generated/kinds.ts'

const apiVersion = 'rbac.authorization.k8s.io/v1'
const bootstrapLabels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
const autoUpdate = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' }

const read = ['get', 'list', 'watch']
const write = ['create', 'delete', 'deletecollection', 'patch', 'update']
const all = [...read, ...write]

const rule = (apiGroups: string[], resources: string[], verbs: string[]): RbacV1PolicyRule => ({ apiGroups, resources, verbs })
const urls = (nonResourceURLs: string[], verbs: string[] = ['get']): RbacV1PolicyRule => ({ nonResourceURLs, verbs })
const events = rule(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update'])
const reviews = [
  rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
]

function role(name: string, rules: RbacV1PolicyRule[], labels: Record<string, string> = {}): RbacV1ClusterRole {
  return { apiVersion, kind: 'ClusterRole', metadata: { name, labels: { ...bootstrapLabels, ...labels }, annotations: autoUpdate }, rules }
}

/** A role whose rules are those of all roles with one of the labels. */
function aggregate(name: string, label: string, labels: Record<string, string> = {}): RbacV1ClusterRole {
  const metadata = { name, labels: { ...bootstrapLabels, ...labels }, annotations: autoUpdate }
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata,
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
    rules: [],
  }
}

const to = (name: string) => `rbac.authorization.k8s.io/aggregate-to-${name}`

const discoveryPaths = [
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/livez',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/version',
  '/version/',
]
const workloads = [
  'daemonsets',
  'deployments',
  'deployments/scale',
  'replicasets',
  'replicasets/scale',
  'statefulsets',
  'statefulsets/scale',
]
const coreEditable = [
  'configmaps',
  'events',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'replicationcontrollers/scale',
  'services',
  'services/proxy',
  'endpoints',
]

const viewRules = [
  rule(
    [''],
    [
      'configmaps',
      'endpoints',
      'persistentvolumeclaims',
      'persistentvolumeclaims/status',
      'pods',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'serviceaccounts',
      'services',
      'services/status',
    ],
    read,
  ),
  rule(
    [''],
    [
      'bindings',
      'events',
      'limitranges',
      'namespaces',
      'namespaces/status',
      'pods/log',
      'pods/status',
      'replicationcontrollers/status',
      'resourcequotas',
      'resourcequotas/status',
    ],
    read,
  ),
  rule(['discovery.k8s.io'], ['endpointslices'], read),
  rule(
    ['apps'],
    [...workloads, 'controllerrevisions', 'daemonsets/status', 'deployments/status', 'replicasets/status', 'statefulsets/status'],
    read,
  ),
  rule(['autoscaling'], ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'], read),
  rule(['batch'], ['cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'], read),
  rule(['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status'], read),
  rule(['networking.k8s.io'], ['ingresses', 'ingresses/status', 'networkpolicies'], read),
]

const editRules = [
  rule([''], ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'], read),
  rule([''], ['serviceaccounts'], ['impersonate']),
  rule([''], ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'], write),
  rule([''], ['pods/eviction'], ['create']),
  rule([''], [...coreEditable, 'secrets', 'serviceaccounts'], write),
  rule([''], ['serviceaccounts/token'], ['create']),
  rule(['apps'], [...workloads, 'deployments/rollback'], write),
  rule(['autoscaling'], ['horizontalpodautoscalers'], write),
  rule(['batch'], ['cronjobs', 'jobs'], write),
  rule(['policy'], ['poddisruptionbudgets'], write),
  rule(['networking.k8s.io'], ['ingresses', 'networkpolicies'], write),
  rule(['coordination.k8s.io'], ['leases'], all),
]

const adminRules = [
  rule(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
  rule(['rbac.authorization.k8s.io'], ['rolebindings', 'roles'], all),
]

/** What the monitor reads to observe and scale, and the checks that its own metrics API makes on callers. */
const monitorRules = [
  rule(
    [''],
    [
      'nodes',
      'pods',
      'namespaces',
      'services',
      'endpoints',
      'events',
      'replicationcontrollers',
      'persistentvolumeclaims',
      'persistentvolumes',
      'limitranges',
      'resourcequotas',
    ],
    read,
  ),
  rule([''], ['nodes/stats', 'nodes/metrics', 'nodes/proxy', 'nodes/log', 'nodes/healthz', 'nodes/pods'], ['get', 'create']),
  rule(['apps'], ['daemonsets', 'deployments', 'replicasets', 'statefulsets', 'controllerrevisions'], read),
  rule(['batch'], ['cronjobs', 'jobs'], read),
  rule(['autoscaling'], ['horizontalpodautoscalers'], read),
  rule(['discovery.k8s.io'], ['endpointslices'], read),
  rule(['events.k8s.io'], ['events'], read),
  events,
  ...reviews,
  urls(['/metrics']),
]

const certificates = 'certificates.k8s.io'
const approver = (signer: string): RbacV1ClusterRole =>
  role(`system:certificates.k8s.io:${signer}-approver`, [
    { ...rule([certificates], ['signers'], ['approve']), resourceNames: [`kubernetes.io/${signer}`] },
  ])
const nodeClient = 'system:certificates.k8s.io:certificatesigningrequests:nodeclient'
const selfNodeClient = 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient'

/** Who may ask for certificates that are approved without a person, and who may approve others. */
const certificateRoles: readonly RbacV1ClusterRole[] = [
  role('system:node-bootstrapper', [rule([certificates], ['certificatesigningrequests'], ['create', 'get', 'list', 'watch'])]),
  role(nodeClient, [rule([certificates], ['certificatesigningrequests/nodeclient'], ['create'])]),
  role(selfNodeClient, [rule([certificates], ['certificatesigningrequests/selfnodeclient'], ['create'])]),
  approver('kube-apiserver-client'),
  approver('kube-apiserver-client-kubelet'),
  approver('kubelet-serving'),
]

/** Cluster-wide roles that exist from the start; brought back to this at every start. */
export const clusterRoles: readonly RbacV1ClusterRole[] = [
  role('cluster-admin', [rule(['*'], ['*'], ['*']), urls(['*'], ['*'])]),
  role('system:discovery', [urls(discoveryPaths)]),
  role('system:public-info-viewer', [urls(['/healthz', '/livez', '/readyz', '/version', '/version/'])]),
  role('system:basic-user', [
    rule(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    rule(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
  ]),
  role('system:monitoring', [urls(['/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*'])]),
  role('system:service-account-issuer-discovery', [
    urls(['/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks', '/openid/v1/jwks/']),
  ]),
  role('system:auth-delegator', reviews),
  aggregate('admin', to('admin')),
  aggregate('edit', to('edit'), { [to('admin')]: 'true' }),
  aggregate('view', to('view'), { [to('edit')]: 'true' }),
  role('system:aggregate-to-admin', adminRules, { [to('admin')]: 'true' }),
  role('system:aggregate-to-edit', editRules, { [to('edit')]: 'true' }),
  role('system:aggregate-to-view', viewRules, { [to('view')]: 'true' }),
  role('system:aggregated-metrics-reader', [rule(['metrics.k8s.io'], ['pods', 'nodes'], read)], {
    [to('admin')]: 'true',
    [to('edit')]: 'true',
    [to('view')]: 'true',
  }),
  // Kept for compatibility: the node authorizer decides what nodes may do, and nothing is bound to this role.
  role('system:node', [
    rule([''], ['nodes', 'services', 'endpoints'], read),
    rule([''], ['nodes/status', 'pods/status'], ['patch', 'update']),
    events,
    ...reviews,
  ]),
  role('system:node-proxier', [
    rule([''], ['endpoints', 'services', 'nodes'], read),
    rule(['discovery.k8s.io'], ['endpointslices'], read),
    events,
  ]),
  role('system:kube-scheduler', [
    rule([''], ['nodes', 'namespaces', 'persistentvolumeclaims', 'persistentvolumes', 'replicationcontrollers', 'services'], read),
    rule([''], ['pods'], [...read, 'delete']),
    rule([''], ['bindings', 'pods/binding'], ['create']),
    rule([''], ['pods/status'], ['patch', 'update']),
    rule(['apps'], ['replicasets', 'statefulsets'], read),
    rule(['policy'], ['poddisruptionbudgets'], read),
    rule(['storage.k8s.io'], ['*'], read),
    rule(['coordination.k8s.io'], ['leases'], ['create', 'get', 'list', 'update', 'watch']),
    events,
    ...reviews,
  ]),
  role('system:kube-controller-manager', [
    rule(['*'], ['*'], read),
    rule([''], ['serviceaccounts', 'secrets'], ['create', 'delete', 'update']),
    rule([''], ['serviceaccounts/token'], ['create']),
    rule(['coordination.k8s.io'], ['leases'], ['create', 'get', 'list', 'update', 'watch']),
    events,
    ...reviews,
  ]),
  role('system:binnacle:monitor', monitorRules),
  ...certificateRoles,
]

const group = (name: string): RbacV1Subject => ({ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name })
const user = (name: string): RbacV1Subject => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name })

function binding(name: string, subjects: RbacV1Subject[]): RbacV1ClusterRoleBinding {
  const metadata = { name, labels: bootstrapLabels, annotations: autoUpdate }
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects,
  }
}

/** Who has which of these roles; a binding has its role's name. */
export const clusterRoleBindings: readonly RbacV1ClusterRoleBinding[] = [
  binding('cluster-admin', [group('system:masters')]),
  binding('system:discovery', [group('system:authenticated')]),
  binding('system:public-info-viewer', [group('system:authenticated'), group('system:unauthenticated')]),
  binding('system:basic-user', [group('system:authenticated')]),
  binding('system:monitoring', [group('system:monitoring')]),
  binding('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
  binding('system:node-proxier', [user('system:kube-proxy')]),
  binding('system:kube-scheduler', [user('system:kube-scheduler')]),
  binding('system:kube-controller-manager', [user('system:kube-controller-manager')]),
  binding('system:binnacle:monitor', [user('system:binnacle:monitor')]),
  binding('system:node-bootstrapper', [group('system:bootstrappers')]),
  binding(nodeClient, [group('system:bootstrappers')]),
  binding(selfNodeClient, [group('system:nodes')]),
]

const authenticationReader = 'extension-apiserver-authentication-reader'
/** Whoever has nothing but a bootstrap token reads here which cluster it is for. */
const clusterInfoReader = 'system:cluster-info-reader'
/** Monitors that share the nodes of a cluster find each other by Leases. */
const monitorLeases = 'system:binnacle:monitor-leases'

/** Hosts that join read here what the cluster's networks are, and whether they are still wanted. */
const settingsReader = 'system:binnacle:cluster-settings-reader'

/** Roles within a namespace: API servers behind ours read here how we show ourselves, monitors find each other. */
export const roles: readonly RbacV1Role[] = [
  {
    apiVersion,
    kind: 'Role',
    metadata: { name: clusterInfoReader, namespace: 'kube-public', labels: bootstrapLabels, annotations: autoUpdate },
    rules: [{ ...rule([''], ['configmaps'], ['get']), resourceNames: ['cluster-info'] }],
  },
  {
    apiVersion,
    kind: 'Role',
    metadata: { name: authenticationReader, namespace: 'kube-system', labels: bootstrapLabels, annotations: autoUpdate },
    rules: [{ ...rule([''], ['configmaps'], read), resourceNames: ['extension-apiserver-authentication'] }],
  },
  {
    apiVersion,
    kind: 'Role',
    metadata: { name: settingsReader, namespace: 'kube-system', labels: bootstrapLabels, annotations: autoUpdate },
    rules: [{ ...rule([''], ['configmaps'], ['get']), resourceNames: [clusterSettingsKey.name, removedNodesKey.name] }],
  },
  {
    apiVersion,
    kind: 'Role',
    metadata: { name: monitorLeases, namespace: 'kube-system', labels: bootstrapLabels, annotations: autoUpdate },
    rules: [rule(['coordination.k8s.io'], ['leases'], ['create', 'delete', 'get', 'list', 'update'])],
  },
]

export const roleBindings: readonly RbacV1RoleBinding[] = [
  {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: clusterInfoReader, namespace: 'kube-public', labels: bootstrapLabels, annotations: autoUpdate },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: clusterInfoReader },
    subjects: [group('system:unauthenticated'), group('system:authenticated')],
  },
  {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: `system::${authenticationReader}`, namespace: 'kube-system', labels: bootstrapLabels, annotations: autoUpdate },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: authenticationReader },
    subjects: [user('system:binnacle:monitor'), user('system:kube-controller-manager'), user('system:kube-scheduler')],
  },
  {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: settingsReader, namespace: 'kube-system', labels: bootstrapLabels, annotations: autoUpdate },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: settingsReader },
    subjects: [group('system:nodes')],
  },
  {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: monitorLeases, namespace: 'kube-system', labels: bootstrapLabels, annotations: autoUpdate },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: monitorLeases },
    subjects: [user('system:binnacle:monitor')],
  },
]
