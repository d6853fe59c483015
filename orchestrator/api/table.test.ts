import { describe, expect, it } from 'vitest'
import type { CoreV1ContainerStatus, CoreV1Pod } from './generated/kinds.ts'
import { findKind } from './kinds.ts'
import type { KubeObject } from './object.ts'
import { toTable } from './table.ts'

const now = Date.parse('2026-01-01T01:00:00Z')
const metadata = { name: 'a', namespace: 'default', creationTimestamp: '2026-01-01T00:54:48Z' }

function cells(group: string, version: string, plural: string, object: object): readonly unknown[] {
  const declaration = findKind(group, version, plural)!
  return toTable(declaration, [{ metadata, ...object } as unknown as KubeObject], { now }).rows[0]!.cells
}

const status = (name: string, fields: Partial<CoreV1ContainerStatus>): CoreV1ContainerStatus => ({
  name,
  image: 'x',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...fields,
})
const running = (name: string, fields: Partial<CoreV1ContainerStatus> = {}) =>
  status(name, { ready: true, state: { running: {} }, ...fields })
const ended = (name: string, exitCode: number, reason?: string) =>
  status(name, { state: { terminated: { exitCode, ...(reason === undefined ? {} : { reason }) } } })
const waiting = (name: string, reason: string) => status(name, { state: { waiting: { reason } } })

function podCells(podStatus: CoreV1Pod['status'], extra: { metadata?: object; spec?: object } = {}): readonly unknown[] {
  return cells('', 'v1', 'pods', {
    metadata: { ...metadata, ...extra.metadata },
    spec: { containers: [{ name: 'one' }, { name: 'two' }], ...extra.spec },
    status: podStatus,
  })
}

describe('the pod table', () => {
  it.each([
    ['nothing started', { phase: 'Pending' }, ['0/2', 'Pending', '0']],
    ['all running', { phase: 'Running', containerStatuses: [running('one'), running('two')] }, ['2/2', 'Running', '0']],
    ['one not ready', { phase: 'Running', containerStatuses: [running('one'), running('two', { ready: false })] }, ['1/2', 'Running', '0']],
    [
      'all done',
      { phase: 'Succeeded', containerStatuses: [ended('one', 0, 'Completed'), ended('two', 0, 'Completed')] },
      ['0/2', 'Completed', '0'],
    ],
    ['failed with a reason', { phase: 'Failed', containerStatuses: [ended('one', 1, 'Error')] }, ['0/2', 'Error', '0']],
    [
      'failed by a signal',
      { phase: 'Failed', containerStatuses: [status('one', { state: { terminated: { exitCode: 137, signal: 9 } } })] },
      ['0/2', 'Signal:9', '0'],
    ],
    ['failed without a reason', { phase: 'Failed', containerStatuses: [ended('one', 3)] }, ['0/2', 'ExitCode:3', '0']],
    [
      'waiting to restart',
      { phase: 'Running', containerStatuses: [waiting('one', 'CrashLoopBackOff'), running('two')] },
      ['1/2', 'CrashLoopBackOff', '0'],
    ],
    [
      'done beside running',
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [ended('one', 0, 'Completed'), running('two')],
      },
      ['1/2', 'Running', '0'],
    ],
    ['evicted', { phase: 'Failed', reason: 'Evicted' }, ['0/2', 'Evicted', '0']],
    [
      'gated',
      { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      ['0/2', 'SchedulingGated', '0'],
    ],
  ])('shows a pod with %s', (_, podStatus, expected) => {
    expect(podCells(podStatus).slice(1, 4)).toEqual(expected)
  })

  it('counts restarts and says when the last one was', () => {
    const restarted = running('one', { restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } } })
    expect(podCells({ phase: 'Running', containerStatuses: [restarted] })[3]).toBe('3 (5m ago)')
  })

  it('shows deletion, but not over the result of a pod that is done', () => {
    const deleting = { metadata: { deletionTimestamp: '2026-01-01T00:59:00Z' } }
    expect(podCells({ phase: 'Running', containerStatuses: [running('one')] }, deleting)[2]).toBe('Terminating')
    expect(podCells({ phase: 'Succeeded', containerStatuses: [ended('one', 0, 'Completed')] }, deleting)[2]).toBe('Completed')
  })

  it('shows the progress and the trouble of init containers', () => {
    const spec = { initContainers: [{ name: 'i1' }, { name: 'i2' }] }
    expect(podCells({ phase: 'Pending', initContainerStatuses: [ended('i1', 0), waiting('i2', 'PodInitializing')] }, { spec })[2]).toBe(
      'Init:1/2',
    )
    expect(podCells({ phase: 'Pending', initContainerStatuses: [ended('i1', 1, 'Error')] }, { spec })[2]).toBe('Init:Error')
    expect(podCells({ phase: 'Pending', initContainerStatuses: [waiting('i1', 'CrashLoopBackOff')] }, { spec })[2]).toBe(
      'Init:CrashLoopBackOff',
    )
  })

  it('counts sidecars among the ready', () => {
    const spec = { initContainers: [{ name: 'i1', restartPolicy: 'Always' }] }
    const podStatus = {
      phase: 'Running',
      initContainerStatuses: [running('i1', { started: true })],
      containerStatuses: [running('one'), running('two')],
    }
    expect(podCells(podStatus, { spec }).slice(1, 3)).toEqual(['3/3', 'Running'])
  })

  it('shows age, address, node and gates', () => {
    const podStatus = { phase: 'Running', podIP: '10.244.0.2', conditions: [{ type: 'g', status: 'True' }] }
    expect(
      podCells(podStatus, { spec: { nodeName: 'n', readinessGates: [{ conditionType: 'g' }, { conditionType: 'h' }] } }).slice(4),
    ).toEqual(['5m12s', '10.244.0.2', 'n', '<none>', '1/2'])
  })
})

describe('tables of other kinds', () => {
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'main', image: 'x:1' }] } }
  const target = (metric: object, current?: object) => ({
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, minReplicas: 1, maxReplicas: 3, metrics: [metric] },
    status: { currentReplicas: 2, ...(current === undefined ? {} : { currentMetrics: [current] }) },
  })
  const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 20 } } }

  it.each([
    [
      '',
      'v1',
      'replicationcontrollers',
      { spec: { replicas: 3, selector: { app: 'a' }, template }, status: { replicas: 2, readyReplicas: 1 } },
      ['a', 3, 2, 1, '5m12s', 'main', 'x:1', 'app=a'],
    ],
    [
      'apps',
      'v1',
      'deployments',
      {
        spec: { replicas: 3, selector: { matchLabels: { app: 'a' } }, template },
        status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
      },
      ['a', '1/3', 2, 1, '5m12s', 'main', 'x:1', 'app=a'],
    ],
    [
      '',
      'v1',
      'services',
      { spec: { type: 'NodePort', clusterIP: '10.96.0.5', ports: [{ port: 80, nodePort: 30000, protocol: 'TCP' }] } },
      ['a', 'NodePort', '10.96.0.5', '<none>', '80:30000/TCP', '5m12s', '<none>'],
    ],
    [
      '',
      'v1',
      'services',
      { spec: { type: 'LoadBalancer', clusterIP: '10.96.0.5', ports: [] } },
      ['a', 'LoadBalancer', '10.96.0.5', '<pending>', '<none>', '5m12s', '<none>'],
    ],
    [
      '',
      'v1',
      'endpoints',
      { subsets: [{ addresses: [1, 2, 3, 4].map((ip) => ({ ip: `10.0.0.${ip}` })), ports: [{ port: 80 }] }] },
      ['a', '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...', '5m12s'],
    ],
    ['', 'v1', 'namespaces', { status: { phase: 'Active' } }, ['a', 'Active', '5m12s']],
    ['', 'v1', 'secrets', { type: 'Opaque', data: { a: '', b: '' } }, ['a', 'Opaque', 2, '5m12s']],
    [
      'autoscaling',
      'v2',
      'horizontalpodautoscalers',
      target(cpu, { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12 } } }),
      ['a', 'Deployment/web', 'cpu: 12%/20%', '1', '3', 2, '5m12s'],
    ],
    ['autoscaling', 'v2', 'horizontalpodautoscalers', target(cpu), ['a', 'Deployment/web', 'cpu: <unknown>/20%', '1', '3', 2, '5m12s']],
    [
      'autoscaling',
      'v2',
      'horizontalpodautoscalers',
      target({ type: 'Pods', pods: { target: { averageValue: '100m' } } }),
      ['a', 'Deployment/web', '<unknown>/100m', '1', '3', 2, '5m12s'],
    ],
    [
      'autoscaling',
      'v1',
      'horizontalpodautoscalers',
      {
        spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 3, targetCPUUtilizationPercentage: 20 },
        status: { currentReplicas: 1, currentCPUUtilizationPercentage: 5 },
      },
      ['a', 'Deployment/web', 'cpu: 5%/20%', '<unset>', '3', 1, '5m12s'],
    ],
    [
      'batch',
      'v1',
      'jobs',
      {
        spec: { completions: 1, template },
        status: {
          succeeded: 1,
          startTime: '2026-01-01T00:54:48Z',
          completionTime: '2026-01-01T00:55:00Z',
          conditions: [{ type: 'Complete', status: 'True' }],
        },
      },
      ['a', 'Complete', '1/1', '12s', '5m12s', 'main', 'x:1', '<none>'],
    ],
    [
      'apiregistration.k8s.io',
      'v1',
      'apiservices',
      {
        spec: { service: { namespace: 'kube-system', name: 'm' } },
        status: { conditions: [{ type: 'Available', status: 'False', reason: 'ServiceNotFound' }] },
      },
      ['a', 'kube-system/m', 'False (ServiceNotFound)', '5m12s'],
    ],
  ])('%s/%s %s', (group, version, plural, object, expected) => {
    expect(cells(group, version, plural, object)).toEqual(expected)
  })

  it('shows nodes with status, roles and versions', () => {
    const node = {
      metadata: { ...metadata, labels: { 'node-role.kubernetes.io/control-plane': '' } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '10.244.0.1' }],
        nodeInfo: { kubeletVersion: 'v1.35.0' },
      },
    }
    expect(cells('', 'v1', 'nodes', node).slice(0, 6)).toEqual([
      'a',
      'Ready,SchedulingDisabled',
      'control-plane',
      '5m12s',
      'v1.35.0',
      '10.244.0.1',
    ])
  })

  it('shows events by when they were last seen', () => {
    const event = {
      involvedObject: { kind: 'Pod', name: 'p' },
      type: 'Normal',
      reason: 'Started',
      message: 'text\n',
      count: 4,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:59:58Z',
      source: { component: 'kubelet', host: 'n' },
    }
    expect(cells('', 'v1', 'events', event)).toEqual(['2s', 'Normal', 'Started', 'pod/p', '', 'kubelet, n', 'text', '60m', 4, 'a'])
  })
})

describe('the table itself', () => {
  const declaration = findKind('', 'v1', 'configmaps')!
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } } as KubeObject

  it('carries what was asked for of each object', () => {
    const included = (includeObject: 'None' | 'Metadata' | 'Object') =>
      toTable(declaration, [object], { now, includeObject }).rows[0]!.object
    expect(included('None')).toBeUndefined()
    expect(included('Metadata')).toEqual({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata })
    expect(included('Object')).toBe(object)
  })

  it('carries the list position, and its columns unless told otherwise', () => {
    const table = toTable(declaration, [object], { now, resourceVersion: '7', continue: 'c', remainingItemCount: 3, withColumns: false })
    expect(table.metadata).toEqual({ resourceVersion: '7', continue: 'c', remainingItemCount: 3 })
    expect(table.columnDefinitions).toEqual([])
    expect(toTable(declaration, [], { now }).columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Data', 'Age'])
  })
})
