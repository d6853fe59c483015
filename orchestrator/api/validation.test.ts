import { describe, expect, it } from 'vitest'
import { applyDefaults } from './defaulting.ts'
import { findKindByName } from './kinds.ts'
import type { KubeObject } from './object.ts'
import { invalid } from './status-error.ts'
import { validateObject, validateUpdate } from './validation.ts'

const configMap = findKindByName('', 'v1', 'ConfigMap')!
const withMetadata = (metadata: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'default', ...metadata },
})
const messagesOf = (metadata: object) =>
  validateObject(configMap, withMetadata(metadata)).map(({ field, message }) => `${field}: ${message}`)

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

describe('metadata', () => {
  it.each([
    [{ name: 'A_b' }, `metadata.name: Invalid value: "A_b": ${subdomain}`],
    [{ name: '' }, 'metadata.name: Required value: name or generateName is required'],
    [{ namespace: '' }, 'metadata.namespace: Required value'],
    [
      { labels: { '-a': '1' } },
      "metadata.labels: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
    [
      { labels: { a: 'x y' } },
      "metadata.labels: Invalid value: \"x y\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
    [{ labels: { a: 'x'.repeat(64) } }, `metadata.labels: Invalid value: "${'x'.repeat(64)}": must be no more than 63 bytes`],
    [{ annotations: { a: 'x'.repeat(262_145) } }, 'metadata.annotations: Too long: may not be more than 262144 bytes'],
    [
      { finalizers: ['mine'] },
      'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '' }] },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [{ generateName: 'A_b-', name: 'a' }, `metadata.generateName: Invalid value: "A_b-": ${subdomain}`],
  ])('%j', (metadata, message) => {
    expect(messagesOf(metadata)).toEqual([message])
  })

  it('allows one controlling owner', () => {
    const owner = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', name, uid: name, controller: true })
    expect(messagesOf({ ownerReferences: [owner('a')] })).toEqual([])
    expect(messagesOf({ ownerReferences: [owner('a'), owner('b')] })[0]).toContain(
      'Only one reference can have Controller set to true. Found "true" in references for Pod/a and Pod/b',
    )
  })

  it('names what a cluster-scoped object may not have', () => {
    const namespace = findKindByName('', 'v1', 'Namespace')!
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a.b', namespace: 'x' }, spec: {} } as KubeObject
    expect(validateObject(namespace, object).map(({ field }) => field)).toEqual(['metadata.name', 'metadata.namespace'])
  })

  it('keeps identity over updates, and finalizers of what is being deleted', () => {
    const previous = withMetadata({ uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' })
    expect(
      validateUpdate(configMap, withMetadata({ uid: 'v', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a.b/c'] }), previous),
    ).toEqual([
      { reason: 'FieldValueInvalid', message: 'Invalid value: "v": field is immutable', field: 'metadata.uid' },
      {
        reason: 'FieldValueForbidden',
        message: 'Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.b/c"}',
        field: 'metadata.finalizers',
      },
    ])
  })

  it('makes the Status that upstream sends', () => {
    const { status } = invalid({ group: '', kind: 'ConfigMap' }, 'A', validateObject(configMap, withMetadata({ name: 'A' })))
    expect(status).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `ConfigMap "A" is invalid: metadata.name: Invalid value: "A": ${subdomain}`,
      details: { name: 'A', kind: 'ConfigMap' },
    })
  })
})

describe('kinds', () => {
  function messages(group: string, version: string, kind: string, object: object): string[] {
    const declaration = findKindByName(group, version, kind)!
    const metadata = { name: 'a', ...(declaration.kind.isNamespaced ? { namespace: 'default' } : {}) }
    const full = applyDefaults(declaration, structuredClone({ apiVersion: 'x', kind, metadata, ...object }) as unknown as KubeObject)
    return validateObject(declaration, full).map(({ field, message }) => `${field}: ${message}`)
  }
  const main = { name: 'main', image: 'x' }
  const pod = (spec: object) => messages('', 'v1', 'Pod', { spec: { containers: [main], ...spec } })
  const container = (fields: object) => pod({ containers: [{ ...main, ...fields }] })
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [main] } }

  it.each([
    [pod({ containers: [] }), 'spec.containers: Required value'],
    [container({ name: '' }), 'spec.containers[0].name: Required value'],
    [container({ image: '' }), 'spec.containers[0].image: Required value'],
    [container({ image: ' x' }), 'spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace'],
    [pod({ containers: [main, main] }), 'spec.containers[1].name: Duplicate value: "main"'],
    [pod({ initContainers: [main] }), 'spec.initContainers[0].name: Duplicate value: "main"'],
    [
      container({ imagePullPolicy: 'Sometimes' }),
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      container({ ports: [{ containerPort: 70_000 }] }),
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      container({
        ports: [
          { containerPort: 80, hostPort: 80 },
          { containerPort: 81, hostPort: 80 },
        ],
      }),
      'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"',
    ],
    [container({ volumeMounts: [{ name: 'log', mountPath: '/log' }] }), 'spec.containers[0].volumeMounts[0].name: Not found: "log"'],
    [
      container({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      container({ resources: { requests: { memory: '-1' } } }),
      'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      container({ env: [{ name: 'a=b' }] }),
      'spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ],
    [container({ livenessProbe: {} }), 'spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    [
      container({ livenessProbe: { httpGet: { port: 0 } } }),
      'spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [pod({ restartPolicy: 'Maybe' }), 'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"'],
    [
      pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/a' } }] }),
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      pod({ volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] }),
      'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
    ],
    [
      pod({ tolerations: [{ key: 'a', operator: 'Exists', value: 'x' }] }),
      'spec.tolerations[0].operator: Invalid value: "x": value must be empty when `operator` is \'Exists\'',
    ],
    [
      messages('', 'v1', 'ReplicationController', { spec: { selector: { app: 'b' }, template } }),
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      messages('', 'v1', 'ReplicationController', { spec: { replicas: -1, template } }),
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      messages('apps', 'v1', 'Deployment', { spec: { template } }),
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ],
    [messages('', 'v1', 'Service', { spec: {} }), 'spec.ports: Required value'],
    [
      messages('', 'v1', 'Service', { spec: { ports: [{ port: 80, nodePort: 30_000 }] } }),
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      messages('autoscaling', 'v2', 'HorizontalPodAutoscaler', {
        spec: { maxReplicas: 0, scaleTargetRef: { kind: 'Deployment', name: 'a' } },
      }),
      'spec.maxReplicas: Invalid value: 0: must be greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
    [
      messages('autoscaling', 'v1', 'HorizontalPodAutoscaler', {
        spec: { maxReplicas: 1, minReplicas: 2, scaleTargetRef: { kind: 'Deployment', name: 'a' } },
      }),
      'spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`',
    ],
    [
      messages('rbac.authorization.k8s.io', 'v1', 'Role', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }] }),
      'rules[0].verbs: Required value: verbs must contain at least one value',
    ],
    [
      messages('batch', 'v1', 'CronJob', {
        spec: { schedule: '* * *', jobTemplate: { spec: { template: { spec: { containers: [main], restartPolicy: 'Never' } } } } },
      }),
      'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
    ],
    [
      messages('', 'v1', 'ConfigMap', { data: { 'a/b': '' } }),
      "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ],
  ])('refuses with %j', (found, ...expected) => {
    expect(found).toEqual(expected)
  })

  it.each(['__proto__', 'constructor', 'toString'])('take %s for an ordinary text', (text) => {
    expect(messages('', 'v1', 'Secret', { type: text })).toEqual([])
    expect(
      messages('', 'v1', 'PersistentVolumeClaim', { spec: { accessModes: [text], resources: { requests: { storage: '1' } } } })[0],
    ).toContain('Unsupported value')
    expect(container({ resources: { requests: { [text]: '1' } } })[0]).toContain('must')
    expect(
      messages('autoscaling', 'v2', 'HorizontalPodAutoscaler', {
        spec: { maxReplicas: 1, scaleTargetRef: { kind: 'a', name: 'a' }, metrics: [{ type: text }] },
      })[0],
    ).toContain('Unsupported value')
  })

  it('fixes a pod’s spec except images, tolerations and a shorter deadline', () => {
    const declaration = findKindByName('', 'v1', 'Pod')!
    const make = (spec: object) =>
      applyDefaults(declaration, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'a', namespace: 'default' },
        spec: { containers: [main], ...structuredClone(spec) },
      } as unknown as KubeObject)
    const update = (spec: object) => validateUpdate(declaration, make(spec), make({})).map(({ field, message }) => `${field}: ${message}`)
    expect(
      update({ containers: [{ ...main, image: 'y' }], tolerations: [{ key: 'a', operator: 'Exists' }], activeDeadlineSeconds: 5 }),
    ).toEqual([])
    expect(update({ nodeName: 'other' })).toEqual([
      expect.stringContaining('spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`'),
    ])
  })
})
