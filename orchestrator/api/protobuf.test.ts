import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeProtobuf, isProtobuf } from './protobuf.ts'
import { encodeProtobuf as encode } from './encode-protobuf.ts'
import { encodeProtobuf } from './protobuf.fixture.ts'
import { messageNames, messageOf } from './protobuf-table.ts'
import { statusOf } from './status-error.ts'

const objects: readonly (readonly [string, Record<string, unknown> & { apiVersion: string; kind: string }])[] = [
  [
    'k8s.io.api.core.v1.Secret',
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'a', labels: { owner: 'helm' } },
      data: { release: 'aGVsbG8=' },
      type: 'helm.sh/release.v1',
    },
  ],
  [
    'k8s.io.api.core.v1.ConfigMap',
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data: { __proto__x: '1', é: 'ü' },
      binaryData: { b: 'AAEC' },
      immutable: false,
    },
  ],
  [
    'k8s.io.api.apps.v1.Deployment',
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', creationTimestamp: '2025-01-02T03:04:05Z' },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'a' } },
        template: {
          metadata: { labels: { app: 'a' } },
          spec: {
            containers: [
              {
                name: 'a',
                image: 'x',
                ports: [{ containerPort: 80 }],
                resources: { limits: { cpu: '100m', memory: '64Mi' } },
                livenessProbe: { httpGet: { path: '/', port: 'web' }, initialDelaySeconds: 3 },
                readinessProbe: { tcpSocket: { port: 8080 } },
                securityContext: { privileged: false },
              },
            ],
            volumes: [{ name: 'v', configMap: { name: 'c', defaultMode: 420 } }],
          },
        },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
      },
      status: {},
    },
  ],
  [
    'k8s.io.api.autoscaling.v2.HorizontalPodAutoscaler',
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'a' },
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' },
        minReplicas: 1,
        maxReplicas: 3,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 20 } } }],
      },
      status: { desiredReplicas: 0 },
    },
  ],
  [
    'k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions',
    { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, propagationPolicy: 'Background', preconditions: { uid: 'u' } },
  ],
  [
    'k8s.io.api.policy.v1.Eviction',
    { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a', namespace: 'b' }, deleteOptions: { gracePeriodSeconds: 30 } },
  ],
  [
    'k8s.io.api.authentication.v1.TokenRequest',
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { audiences: ['x'], expirationSeconds: 3600 },
      status: { token: '', expirationTimestamp: '2025-01-01T00:00:00Z' },
    },
  ],
  [
    'k8s.io.api.authorization.v1.SubjectAccessReview',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: { user: 'a', extra: { b: ['c', 'd'] }, resourceAttributes: { verb: 'get' } },
      status: { allowed: false },
    },
  ],
  [
    'k8s.io.api.coordination.v1.Lease',
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'a' },
      spec: { renewTime: '2025-01-01T00:00:00.123456Z', leaseDurationSeconds: 40 },
    },
  ],
  [
    'k8s.io.api.apps.v1.ControllerRevision',
    {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'a' },
      data: { spec: { x: [1] } },
      revision: 9_007_199_254_740_991,
    },
  ],
]

const metrics: typeof objects = [
  [
    'k8s.io.metrics.pkg.apis.metrics.v1beta1.PodMetricsList',
    {
      apiVersion: 'metrics.k8s.io/v1beta1',
      kind: 'PodMetricsList',
      metadata: { resourceVersion: '7' },
      items: [
        {
          metadata: { name: 'a', namespace: 'b', labels: { app: 'ü' } },
          timestamp: '2025-01-02T03:04:05Z',
          window: '5.003s',
          containers: [{ name: 'c', usage: { cpu: '123456789n', memory: '1234Ki', swap: '0' } }],
        },
      ],
    },
  ],
  [
    'k8s.io.metrics.pkg.apis.custom_metrics.v1beta2.MetricValueList',
    {
      apiVersion: 'custom.metrics.k8s.io/v1beta2',
      kind: 'MetricValueList',
      metadata: {},
      items: [
        {
          describedObject: { kind: 'Pod', name: 'a', apiVersion: 'v1' },
          metric: { name: 'rps', selector: { matchLabels: { path: '/' } } },
          timestamp: '2025-01-02T03:04:05Z',
          windowSeconds: 15,
          value: '1500m',
        },
      ],
    },
  ],
  [
    'k8s.io.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList',
    {
      apiVersion: 'external.metrics.k8s.io/v1beta1',
      kind: 'ExternalMetricValueList',
      metadata: {},
      items: [{ metricName: 'queue', metricLabels: { shard: '1' }, timestamp: '2025-01-02T03:04:05Z', value: '-3' }],
    },
  ],
]

const codeOf = (bytes: Uint8Array): number | undefined => {
  try {
    decodeProtobuf(bytes)
  } catch (error) {
    return statusOf(error)?.code
  }
  return undefined
}

describe('protobuf bodies', () => {
  it.each(objects)('decodes a %s to its JSON', (message, object) => {
    const bytes = encodeProtobuf(object, message)
    expect(isProtobuf(bytes)).toBe(true)
    expect(JSON.parse(JSON.stringify(decodeProtobuf(bytes)))).toEqual(object)
  })

  it.each([...objects, ...metrics])('decodes what was encoded of a %s', (_, object) => {
    expect(JSON.parse(JSON.stringify(decodeProtobuf(encode(object))))).toEqual(object)
  })

  it('encodes no kind that has no protobuf form', () => {
    expect(() => encode({ apiVersion: 'example.com/v1', kind: 'Thing' })).toThrow('no kind "Thing" is registered')
  })

  it('keeps an explicit zero of a pointer and drops a plain one', () => {
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {},
      spec: { parallelism: 0, template: { metadata: {}, spec: { containers: [] } } },
      status: { succeeded: 0 },
    }
    expect(decodeProtobuf(encodeProtobuf(job, 'k8s.io.api.batch.v1.Job'))).toMatchObject({ spec: { parallelism: 0 }, status: {} })
    expect(decodeProtobuf(encodeProtobuf(job, 'k8s.io.api.batch.v1.Job'))).not.toHaveProperty('status.succeeded')
  })

  it('reads negative numbers', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {},
      spec: { containers: [], priority: -5, terminationGracePeriodSeconds: -1 },
      status: {},
    }
    expect(decodeProtobuf(encodeProtobuf(pod, 'k8s.io.api.core.v1.Pod'))).toMatchObject({
      spec: { priority: -5, terminationGracePeriodSeconds: -1 },
    })
  })

  it('compiles every message of the table', () => {
    for (const name of messageNames()) expect(messageOf(name).size).toBeGreaterThan(0)
  })

  it('refuses other bodies, unknown kinds and cut ones with a BadRequest', () => {
    expect(codeOf(Buffer.from('{}'))).toBe(400)
    expect(codeOf(encodeProtobuf({ apiVersion: 'v1', kind: 'Nothing' }, 'k8s.io.api.core.v1.Pod'))).toBe(400)
    const bytes = encodeProtobuf(objects[2]![1], objects[2]![0])
    expect(codeOf(bytes.subarray(0, bytes.length - 20))).toBe(400)
  })

  it('answers any bytes with an object or a BadRequest', () => {
    const bytes = encodeProtobuf(objects[2]![1], objects[2]![0])
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: bytes.length - 5 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const broken = Uint8Array.from(bytes)
          for (const [at, value] of changes) broken[at + 4] = value
          expect([undefined, 400]).toContain(codeOf(broken))
        },
      ),
      { numRuns: 500 },
    )
  })
})
