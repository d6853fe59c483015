import { describe, expect, it } from 'vitest'
import { applyDefaults } from './defaulting.ts'
import type { AutoscalingV1HorizontalPodAutoscaler, AutoscalingV2HorizontalPodAutoscaler } from './generated/kinds.ts'
import { findKindByName } from './kinds.ts'
import type { KubeObject } from './object.ts'
import { prepareForCreate, prepareForUpdate } from './strategy.ts'

function defaulted(group: string, version: string, kind: string, object: object): KubeObject {
  const declaration = findKindByName(group, version, kind)!
  return applyDefaults(declaration, {
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind,
    metadata: { name: 'a', namespace: 'default', uid: 'u' },
    ...structuredClone(object),
  })
}

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'main', image: 'x' }] } }

describe('defaults', () => {
  it('complete a pod as upstream does', () => {
    const pod = defaulted('', 'v1', 'Pod', {
      spec: {
        serviceAccountName: 'robot',
        containers: [
          {
            name: 'main',
            image: 'x:1',
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: '1' } },
            livenessProbe: { httpGet: { port: 80 } },
            env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          },
        ],
        volumes: [
          { name: 'none' },
          { name: 'c', configMap: { name: 'c' } },
          { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
        ],
      },
    })
    expect(pod).toHaveProperty('spec', {
      serviceAccountName: 'robot',
      serviceAccount: 'robot',
      containers: [
        {
          name: 'main',
          image: 'x:1',
          imagePullPolicy: 'IfNotPresent',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          resources: { limits: { cpu: '1' }, requests: { cpu: '1' } },
          livenessProbe: {
            httpGet: { port: 80, path: '/', scheme: 'HTTP' },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
          env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name', apiVersion: 'v1' } } }],
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      volumes: [
        { name: 'none', emptyDir: {} },
        { name: 'c', configMap: { name: 'c', defaultMode: 420 } },
        { name: 'p', projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] } },
      ],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      securityContext: {},
      schedulerName: 'default-scheduler',
      enableServiceLinks: true,
    })
  })

  it.each([
    ['x', 'Always'],
    ['x:latest', 'Always'],
    ['x:1', 'IfNotPresent'],
    ['registry:5000/x', 'Always'],
    ['registry:5000/x:2', 'IfNotPresent'],
    ['x@sha256:abc', 'IfNotPresent'],
  ])('pull %s %s', (image, policy) => {
    expect(defaulted('', 'v1', 'Pod', { spec: { containers: [{ name: 'main', image }] } })).toHaveProperty(
      'spec.containers.0.imagePullPolicy',
      policy,
    )
  })

  it('take a replication controller’s selector and labels from its template', () => {
    expect(defaulted('', 'v1', 'ReplicationController', { spec: { template } })).toMatchObject({
      metadata: { labels: { app: 'a' } },
      spec: { replicas: 1, selector: { app: 'a' } },
      status: {},
    })
  })

  it('point a service’s ports at themselves', () => {
    expect(defaulted('', 'v1', 'Service', { spec: { ports: [{ port: 80 }], sessionAffinity: 'ClientIP' } })).toHaveProperty('spec', {
      type: 'ClusterIP',
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      internalTrafficPolicy: 'Cluster',
    })
  })

  it('encode a secret’s texts', () => {
    const secret = defaulted('', 'v1', 'Secret', { data: { a: 'eA==', b: 'eQ==' }, stringData: { b: 'ü' } })
    expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'eA==', b: 'w7w=' } })
    expect(secret).not.toHaveProperty('stringData')
  })

  it('fill a limit range from its bounds', () => {
    const limits = [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }]
    expect(defaulted('', 'v1', 'LimitRange', { spec: { limits } })).toHaveProperty('spec.limits.0', {
      ...limits[0],
      default: { cpu: '2' },
      defaultRequest: { cpu: '2', memory: '1Mi' },
    })
  })

  it('label a namespace with its name and make it active', () => {
    const namespace = defaulted('', 'v1', 'Namespace', { metadata: { name: 'n' } })
    prepareForCreate(findKindByName('', 'v1', 'Namespace')!, namespace)
    expect(namespace).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'n' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    })
  })

  it('fill both halves of an autoscaler’s behavior when one is given', () => {
    const spec = {
      maxReplicas: 3,
      scaleTargetRef: { kind: 'Deployment', name: 'a' },
      behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
    }
    expect(defaulted('autoscaling', 'v2', 'HorizontalPodAutoscaler', { spec })).toMatchObject({
      spec: {
        minReplicas: 1,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 0,
            selectPolicy: 'Max',
            policies: [
              { type: 'Pods', value: 4, periodSeconds: 15 },
              { type: 'Percent', value: 100, periodSeconds: 15 },
            ],
          },
          scaleDown: { stabilizationWindowSeconds: 5, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
        },
      },
    })
  })
})

describe('writes', () => {
  const deployment = findKindByName('apps', 'v1', 'Deployment')!
  const make = (spec: object, status: object = {}) =>
    defaulted('apps', 'v1', 'Deployment', { spec: { selector: { matchLabels: { app: 'a' } }, template, ...spec }, status })

  it('drop the status that a creator sends, and start counting generations', () => {
    const object = make({}, { replicas: 7 })
    prepareForCreate(deployment, object)
    expect(object).toMatchObject({ metadata: { generation: 1 }, status: {} })
    expect(object).not.toHaveProperty('status.replicas')
  })

  it('keep the stored status and count spec changes only', () => {
    const previous = make({}, { replicas: 7 })
    prepareForCreate(deployment, previous)
    const same = make({}, { replicas: 1 })
    prepareForUpdate(deployment, same, previous)
    expect(same).toMatchObject({ metadata: { generation: 1 }, status: {} })
    const changed = make({ replicas: 5 })
    prepareForUpdate(deployment, changed, previous)
    expect(changed.metadata.generation).toBe(2)
  })

  it('keep a service’s allocated address and ports when an update leaves them out', () => {
    const service = findKindByName('', 'v1', 'Service')!
    const previous = defaulted('', 'v1', 'Service', {
      spec: { type: 'NodePort', clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'], ports: [{ port: 80, nodePort: 30_000 }] },
    })
    const object = defaulted('', 'v1', 'Service', { spec: { type: 'NodePort', ports: [{ port: 80 }, { port: 81 }] } })
    prepareForUpdate(service, object, previous)
    expect(object).toMatchObject({
      spec: { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'], ports: [{ nodePort: 30_000 }, { port: 81 }] },
    })
  })

  it('select a job’s pods by its UID', () => {
    const job = defaulted('batch', 'v1', 'Job', { spec: { template: { spec: { containers: [], restartPolicy: 'Never' } } } })
    prepareForCreate(findKindByName('batch', 'v1', 'Job')!, job)
    expect(job).toMatchObject({
      spec: {
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
        template: { metadata: { labels: { 'job-name': 'a' } } },
      },
    })
  })

  it('decide a pod’s quality of service once', () => {
    const pod = findKindByName('', 'v1', 'Pod')!
    const make = (resources: object) => {
      const object = defaulted('', 'v1', 'Pod', { spec: { containers: [{ name: 'main', image: 'x', resources }] } })
      prepareForCreate(pod, object)
      return (object as { status?: { qosClass?: string } }).status?.qosClass
    }
    expect([make({}), make({ requests: { cpu: '1' } }), make({ limits: { cpu: '1', memory: '1Gi' } })]).toEqual([
      'BestEffort',
      'Burstable',
      'Guaranteed',
    ])
  })
})

describe('autoscalers of v1', () => {
  const v1 = findKindByName('autoscaling', 'v1', 'HorizontalPodAutoscaler')!
  const target = { scaleTargetRef: { kind: 'Deployment', name: 'a' }, maxReplicas: 3 }

  it('are stored as v2', () => {
    const stored = v1.storage!.toStorage(
      defaulted('autoscaling', 'v1', 'HorizontalPodAutoscaler', { spec: { ...target, targetCPUUtilizationPercentage: 20 } }),
    )
    expect(stored).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: {
        minReplicas: 1,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 20 } } }],
      },
    })
  })

  it('carry what v1 has no fields for, so that writing back loses nothing', () => {
    const stored = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'a', annotations: { mine: '1' } },
      spec: {
        ...target,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 20 } } },
          { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
        ],
        behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
      },
      status: {
        desiredReplicas: 2,
        currentReplicas: 1,
        currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 7 } } }],
        conditions: [{ type: 'AbleToScale', status: 'True' }],
      },
    } as AutoscalingV2HorizontalPodAutoscaler
    const view = v1.storage!.fromStorage(stored) as AutoscalingV1HorizontalPodAutoscaler
    expect(view.spec.targetCPUUtilizationPercentage).toBe(20)
    expect(view.status?.currentCPUUtilizationPercentage).toBe(7)
    expect(v1.storage!.toStorage(view)).toEqual(stored)
  })

  it('have metrics of every kind in the shape that clients of v1 know', () => {
    const describedObject = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' }
    const selector = { matchLabels: { a: 'b' } }
    const stored = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'a' },
      spec: {
        ...target,
        metrics: [
          { type: 'Pods', pods: { metric: { name: 'rps', selector }, target: { type: 'AverageValue', averageValue: '10' } } },
          { type: 'Object', object: { describedObject, metric: { name: 'depth' }, target: { type: 'Value', value: '5' } } },
          { type: 'External', external: { metric: { name: 'queue', selector }, target: { type: 'AverageValue', averageValue: '7' } } },
          {
            type: 'ContainerResource',
            containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 50 } },
          },
        ],
        behavior: { scaleUp: { policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }], tolerance: '50m' } },
      },
      status: {
        desiredReplicas: 2,
        currentReplicas: 1,
        currentMetrics: [
          { type: 'Pods', pods: { metric: { name: 'rps', selector }, current: { averageValue: '3' } } },
          { type: 'Object', object: { describedObject, metric: { name: 'depth' }, current: { value: '4' } } },
          { type: 'External', external: { metric: { name: 'queue', selector }, current: { averageValue: '2' } } },
          {
            type: 'ContainerResource',
            containerResource: { name: 'cpu', container: 'c', current: { averageUtilization: 9, averageValue: '9m' } },
          },
        ],
      },
    } as AutoscalingV2HorizontalPodAutoscaler
    const view = v1.storage!.fromStorage(stored) as AutoscalingV1HorizontalPodAutoscaler
    const annotation = (name: string) => JSON.parse(view.metadata.annotations![`autoscaling.alpha.kubernetes.io/${name}`]!) as unknown
    expect(annotation('metrics')).toEqual([
      { type: 'Pods', pods: { metricName: 'rps', targetAverageValue: '10', selector } },
      { type: 'Object', object: { target: describedObject, metricName: 'depth', targetValue: '5' } },
      { type: 'External', external: { metricName: 'queue', metricSelector: selector, targetAverageValue: '7' } },
      { type: 'ContainerResource', containerResource: { name: 'cpu', targetAverageUtilization: 50, container: 'c' } },
    ])
    expect(annotation('behavior')).toEqual({ ScaleUp: { Policies: [{ Type: 'Pods', Value: 4, PeriodSeconds: 15 }], Tolerance: '50m' } })
    expect(annotation('current-metrics')).toContainEqual({
      type: 'External',
      external: { metricName: 'queue', metricSelector: selector, currentValue: '0', currentAverageValue: '2' },
    })
    expect(v1.storage!.toStorage(view)).toEqual(stored)
  })

  it('ignore annotations that are no JSON', () => {
    const object = defaulted('autoscaling', 'v1', 'HorizontalPodAutoscaler', {
      metadata: {
        name: 'a',
        annotations: { 'autoscaling.alpha.kubernetes.io/metrics': '{', 'autoscaling.alpha.kubernetes.io/behavior': '1' },
      },
      spec: target,
    })
    expect(v1.storage!.toStorage(object)).toMatchObject({ spec: target })
  })
})
