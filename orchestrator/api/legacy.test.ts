import { describe, expect, it } from 'vitest'
import { applyDefaults } from './defaulting.ts'
import { findKindByName } from './kinds.ts'
import { convertLegacy } from './legacy.ts'
import type { KubeObject } from './object.ts'
import { checkSchema } from './schema.ts'
import { validateObject } from './validation.ts'

const podSpec = { containers: [{ name: 'main', image: 'x' }] }
const template = { metadata: { labels: { app: 'a' } }, spec: podSpec }
const object = (apiVersion: string, kind: string, spec: object, fields: object = {}) =>
  ({ apiVersion, kind, metadata: { name: 'a', namespace: 'default' }, spec, ...fields }) as unknown as KubeObject

describe('retired kinds', () => {
  it.each([
    ['extensions/v1beta1', 'Deployment', { template, rollbackTo: { revision: 1 } }, 'apps/v1'],
    ['extensions/v1beta1', 'DaemonSet', { template, templateGeneration: 1 }, 'apps/v1'],
    ['apps/v1beta1', 'StatefulSet', { template, serviceName: 's' }, 'apps/v1'],
    ['apps/v1beta1', 'Deployment', { template }, 'apps/v1'],
    [
      'batch/v2alpha1',
      'CronJob',
      { schedule: '15 10 * * 6', jobTemplate: { spec: { template: { spec: { ...podSpec, restartPolicy: 'OnFailure' } } } } },
      'batch/v1',
    ],
  ])('%s %s becomes a valid object of its successor', (apiVersion, kind, spec, successor) => {
    const given = object(apiVersion, kind, spec)
    const before = structuredClone(given)
    const converted = convertLegacy(given)!
    expect(given).toEqual(before)
    expect(converted.apiVersion).toBe(successor)
    const declaration = findKindByName(successor.split('/')[0]!, 'v1', kind)!
    expect(checkSchema(declaration.definition, converted)).toEqual({ unknownFields: [], typeErrors: [] })
    expect(validateObject(declaration, applyDefaults(declaration, structuredClone(converted)))).toEqual([])
  })

  it('select the labels of their template unless they say otherwise', () => {
    expect(convertLegacy(object('extensions/v1beta1', 'Deployment', { template }))).toHaveProperty('spec.selector', {
      matchLabels: { app: 'a' },
    })
    const own = { matchLabels: { app: 'b' } }
    expect(convertLegacy(object('extensions/v1beta1', 'Deployment', { template, selector: own }))).toHaveProperty('spec.selector', own)
  })

  it('take volumes that were written into a container for the pod’s', () => {
    const misplaced = {
      ...template,
      spec: { containers: [{ name: 'main', image: 'x', volumes: [{ name: 'log', hostPath: { path: '/var/log' } }] }] },
    }
    const converted = convertLegacy(object('extensions/v1beta1', 'DaemonSet', { template: misplaced }))
    expect(converted).toHaveProperty('spec.template.spec.volumes', [{ name: 'log', hostPath: { path: '/var/log' } }])
    expect(converted).toHaveProperty('spec.template.spec.containers', [{ name: 'main', image: 'x' }])
  })

  it('of the desiredState era become pods, controllers and services', () => {
    const manifest = {
      version: 'v1beta1',
      id: 'main',
      containers: [
        { name: 'main', image: 'x', imagePullPolicy: 'PullIfNotPresent', cpu: 100, volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      ],
      volumes: [{ name: 'v', source: { hostDir: { path: '/v' } } }],
      restartPolicy: { onFailure: {} },
    }
    const spec = {
      containers: [
        {
          name: 'main',
          image: 'x',
          imagePullPolicy: 'IfNotPresent',
          resources: { limits: { cpu: '100m' } },
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        },
      ],
      volumes: [{ name: 'v', hostPath: { path: '/v' } }],
      restartPolicy: 'OnFailure',
    }
    const old = (kind: string, fields: object) =>
      convertLegacy({ apiVersion: 'v1beta1', kind, id: 'oldName', labels: { a: '1' }, ...fields } as unknown as KubeObject)
    const metadata = { name: 'oldname', labels: { a: '1' } }
    expect(old('Pod', { desiredState: { manifest } })).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata, spec })
    expect(
      old('ReplicationController', {
        desiredState: { replicas: 1, replicaSelector: { a: '1' }, podTemplate: { desiredState: { manifest }, labels: { a: '1' } } },
      }),
    ).toEqual({
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata,
      spec: { replicas: 1, selector: { a: '1' }, template: { metadata: { labels: { a: '1' } }, spec } },
    })
    expect(old('Service', { port: 8888, containerPort: '8080', selector: { a: '1' } })).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { ports: [{ port: 8888, targetPort: 8080 }], selector: { a: '1' } },
    })
    for (const desiredState of [null, 1, { manifest: { containers: [1], volumes: 'x', restartPolicy: [] } }])
      expect(old('Pod', { desiredState })).toBeDefined()
  })

  it('storage classes keep their fields', () => {
    const converted = convertLegacy(
      object('storage.k8s.io/v1beta1', 'StorageClass', {}, { provisioner: 'kubernetes.io/gce-pd', parameters: { type: 'pd-ssd' } }),
    )
    expect(converted).toMatchObject({ apiVersion: 'storage.k8s.io/v1', provisioner: 'kubernetes.io/gce-pd' })
  })

  it('never throw on odd shapes, and leave other objects alone', () => {
    for (const spec of [null, 1, [], { template: 1 }, { template: { spec: { containers: [1, null] } } }])
      expect(convertLegacy(object('extensions/v1beta1', 'DaemonSet', spec as object))).toBeDefined()
    expect(convertLegacy(object('apps/v1', 'Deployment', {}))).toBeUndefined()
  })
})
