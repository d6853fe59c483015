import { describe, expect, it } from 'vitest'
import { findKind, findKindByName, kinds, legacyDeclarations } from './kinds.ts'
import type { KindDeclaration } from './kind-declaration.ts'
import { testKindDeclaration, testStorage } from './kind-declaration.contract.ts'
import { apiVersionOf } from './object.ts'

const podSpec = { containers: [{ name: 'main', image: 'example:1' }] }
const template = { metadata: { labels: { app: 'a' } }, spec: podSpec }
const selector = { matchLabels: { app: 'a' } }
const workload = { spec: { selector, template } }
const jobTemplate = { template: { spec: { ...podSpec, restartPolicy: 'Never' } } }
const access = { spec: { user: 'a', resourceAttributes: { verb: 'get' } } }
const autoscaler = { spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' } } }
const roleRef = { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'a' } }

/** What kinds' own rules ask for beyond required fields. */
const extras: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'v1 Binding': { target: { kind: 'Node', name: 'a' } },
  'v1 Event': { involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' } },
  'events.k8s.io/v1 Event': { eventTime: '2025-12-31T00:00:00.000000Z', reportingController: 'a', action: 'Test' },
  'v1 PersistentVolume': { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/tmp' } } },
  'v1 PersistentVolumeClaim': { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  'v1 Pod': { spec: podSpec },
  'v1 PodTemplate': { template },
  'v1 ReplicationController': { spec: { template } },
  'v1 Service': { spec: { ports: [{ port: 80 }] } },
  'apiregistration.k8s.io/v1 APIService': {
    metadata: { name: 'v1.example.com' },
    spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100 },
  },
  'apps/v1 ControllerRevision': { data: { spec: {} } },
  'apps/v1 DaemonSet': workload,
  'apps/v1 Deployment': workload,
  'apps/v1 ReplicaSet': workload,
  'apps/v1 StatefulSet': workload,
  'authentication.k8s.io/v1 TokenReview': { spec: { token: 'a' } },
  'authorization.k8s.io/v1 LocalSubjectAccessReview': access,
  'authorization.k8s.io/v1 SelfSubjectAccessReview': access,
  'authorization.k8s.io/v1 SubjectAccessReview': access,
  'autoscaling/v1 HorizontalPodAutoscaler': autoscaler,
  'autoscaling/v2 HorizontalPodAutoscaler': autoscaler,
  'batch/v1 CronJob': { spec: { schedule: '*/5 1-3 * * mon', jobTemplate: { spec: jobTemplate } } },
  'batch/v1 Job': { spec: jobTemplate },
  'certificates.k8s.io/v1 CertificateSigningRequest': { spec: { request: 'YQ==', signerName: 'example.com/a', usages: ['client auth'] } },
  'discovery.k8s.io/v1 EndpointSlice': { addressType: 'IPv4', endpoints: [{ addresses: ['10.244.0.9'] }] },
  'networking.k8s.io/v1 IngressClass': { spec: { controller: 'example.com/a' } },
  'networking.k8s.io/v1 Ingress': { spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } } },
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': roleRef,
  'rbac.authorization.k8s.io/v1 RoleBinding': roleRef,
  'storage.k8s.io/v1 VolumeAttachment': {
    spec: { attacher: 'example.com', nodeName: 'a', source: { persistentVolumeName: 'a' } },
  },
  'storage.k8s.io/v1 VolumeAttributesClass': { driverName: 'example.com', parameters: { a: 'b' } },
}

const extraOf = ({ kind }: KindDeclaration) => extras[`${apiVersionOf(kind)} ${kind.kind}`]

for (const declaration of kinds) testKindDeclaration(declaration, extraOf(declaration))
for (const declaration of kinds)
  if (declaration.storage !== undefined) testStorage({ ...declaration, storage: declaration.storage }, extraOf(declaration))

describe('the list of kinds', () => {
  it('has every kind of the tables once', () => {
    expect(kinds).toHaveLength(90)
    expect(new Set(kinds.map(({ kind }) => `${apiVersionOf(kind)}/${kind.plural}`)).size).toBe(kinds.length)
  })

  it('finds kinds by URL and by name, retired ones included', () => {
    expect(findKind('apps', 'v1', 'deployments')?.shortNames).toEqual(['deploy'])
    expect(findKindByName('', 'v1', 'Pod')?.subresources).toContain('eviction')
    expect(findKind('apps', 'v1', 'pods')).toBeUndefined()
    expect(findKind('extensions', 'v1beta1', 'deployments')?.alias?.kind.group).toBe('apps')
  })

  it('keeps retired kinds out of lists and watches', () => {
    for (const { verbs } of legacyDeclarations) expect(verbs).not.toContain('list')
  })

  it('stores every older version as a kind of the list', () => {
    const stored = kinds.flatMap(({ storage }) =>
      storage === undefined ? [] : [findKind(storage.kind.group, storage.kind.version, storage.kind.plural)],
    )
    expect(stored.filter((declaration) => declaration === undefined || declaration.storage !== undefined)).toEqual([])
  })
})
