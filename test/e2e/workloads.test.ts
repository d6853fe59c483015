import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, execute, startCluster, type TestCluster } from '../support/cluster.ts'

/** Workloads with names, volumes and schedules, driven by kubectl 1.35 as in a real cluster: on Docker, with two nodes of one host. */
let cluster: TestCluster

beforeAll(async () => {
  cluster = await startCluster(['--runtime=docker', '--influxdb=none', '--nodes=2'], 124)
  const { code, stderr } = await execute(process.execPath, ['cli/main.ts', 'images'])
  if (code !== 0) throw new Error(stderr)
})
afterAll(() => cluster?.remove())

/** Fails the test with what kubectl said. */
async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await cluster.kubectl(...args)
  expect(code, `kubectl ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}
const apply = async (...objects: readonly object[]) => {
  const { stderr, code } = await cluster.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), 'apply', '-f', '-')
  expect(code, stderr).toBe(0)
}
const field = (path: string, ...what: readonly string[]) => kubectl('get', ...what, '-o', `jsonpath=${path}`)
const image = 'jonbaier/pod-scaling:0.1'
const podSpec = (more: object = {}) => ({ terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image, ...more }] })
const template = (app: string, more: object = {}) => ({ metadata: { labels: { app } }, spec: podSpec(more) })
const selector = (app: string) => ({ matchLabels: { app } })

describe('a StatefulSet', () => {
  it('has pods with names, addresses and folders that outlive them', async () => {
    await apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'db' },
        spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 80 }] },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        spec: {
          serviceName: 'db',
          replicas: 2,
          selector: selector('db'),
          template: template('db', { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
          volumeClaimTemplates: [
            { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
          ],
        },
      },
    )
    await kubectl('rollout', 'status', 'statefulset/db', '--timeout=90s')
    await kubectl('exec', 'db-0', '--', 'sh', '-c', 'echo kept > /data/file')
    expect(await kubectl('exec', 'db-1', '--', 'nslookup', 'db-0.db.default.svc.cluster.local')).toContain(
      await field('{.status.podIP}', 'pod', 'db-0'),
    )
    const before = await field('{.metadata.uid} {.spec.nodeName}', 'pod', 'db-0')
    await kubectl('delete', 'pod', 'db-0')
    await kubectl('rollout', 'status', 'statefulset/db', '--timeout=90s')
    const after = await field('{.metadata.uid} {.spec.nodeName}', 'pod', 'db-0')
    expect(after).not.toBe(before)
    expect(after.split(' ')[1]).toBe(before.split(' ')[1])
    expect(await kubectl('exec', 'db-0', '--', 'cat', '/data/file')).toBe('kept\n')
  })

  it('rolls out, back and again by kubectl', async () => {
    await kubectl('set', 'image', 'statefulset/db', 'main=jonbaier/pod-scaling:0.2')
    await kubectl('rollout', 'status', 'statefulset/db', '--timeout=90s')
    expect(await kubectl('rollout', 'history', 'statefulset/db')).toMatch(/^1 .*\n2 /m)
    await kubectl('rollout', 'undo', 'statefulset/db')
    await kubectl('rollout', 'status', 'statefulset/db', '--timeout=90s')
    expect(await field('{.items[*].spec.containers[0].image}', 'pods', '-l', 'app=db')).toBe(`${image} ${image}`)
    expect(await kubectl('exec', 'db-0', '--', 'cat', '/data/file')).toBe('kept\n')
  })

  it('keeps a node from being drained below its disruption budget, and its folders go with its claims', async () => {
    await apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'db' },
      spec: { minAvailable: 2, selector: selector('db') },
    })
    await eventually('the budget', async () => ((await field('{.status.currentHealthy}', 'pdb', 'db')) === '2' ? true : undefined))
    const node = await field('{.spec.nodeName}', 'pod', 'db-0')
    const drain = ['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=3s']
    expect((await cluster.kubectl(...drain)).stderr).toContain("Cannot evict pod as it would violate the pod's disruption budget")
    await kubectl('delete', 'pdb', 'db')
    await kubectl(...drain.slice(0, -1), '--timeout=60s')
    await kubectl('uncordon', node)
    await kubectl('delete', 'statefulset', 'db')
    await kubectl('delete', 'pvc', '--all', '--timeout=60s')
    await eventually('no volume', async () => ((await kubectl('get', 'pv')) === '' ? true : undefined))
    const folders = ['node-a', 'node-a-2']
      .map((name) => join(cluster.dataDir, 'nodes', name, 'volumes'))
      .filter((folder) => existsSync(folder))
    await eventually('no folder', async () => (folders.every((folder) => readdirSync(folder).length === 0) ? true : undefined))
  })
})

describe('a DaemonSet', () => {
  it('has a pod on every node, follows labels, and rolls out node by node', async () => {
    await apply({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: { selector: selector('agent'), template: template('agent') },
    })
    await kubectl('rollout', 'status', 'daemonset/agent', '--timeout=90s')
    const nodes = async () => (await field('{.items[*].spec.nodeName}', 'pods', '-l', 'app=agent')).split(' ').sort().join(' ')
    expect(await nodes()).toBe('node-a node-a-2')
    await kubectl('set', 'image', 'daemonset/agent', 'main=jonbaier/pod-scaling:0.2')
    await kubectl('rollout', 'status', 'daemonset/agent', '--timeout=90s')
    await kubectl('rollout', 'undo', 'daemonset/agent')
    await kubectl('rollout', 'status', 'daemonset/agent', '--timeout=90s')
    expect(await field('{.spec.template.spec.containers[0].image}', 'daemonset', 'agent')).toBe(image)
    await kubectl('patch', 'daemonset', 'agent', '-p', '{"spec":{"template":{"spec":{"nodeSelector":{"disk":"ssd"}}}}}')
    await kubectl('label', 'node', 'node-a-2', 'disk=ssd')
    await eventually('one pod', async () => ((await nodes()) === 'node-a-2' ? true : undefined))
    await kubectl('delete', 'daemonset', 'agent')
  })
})

describe('Jobs', () => {
  it('of indexes run each once and say which have succeeded; those of a schedule are made by their time', async () => {
    const script = 'echo index $JOB_COMPLETION_INDEX on $(hostname)'
    const jobPod = (command: string) => ({
      spec: { restartPolicy: 'Never', containers: [{ name: 'main', image, command: ['sh', '-c', command] }] },
    })
    await apply(
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'ix' },
        spec: { completions: 3, parallelism: 3, completionMode: 'Indexed', template: jobPod(script) },
      },
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'bad' },
        spec: {
          podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] },
          template: jobPod('exit 42'),
        },
      },
      {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { name: 'tick' },
        spec: { schedule: '* * * * *', jobTemplate: { spec: { template: jobPod('true') } } },
      },
    )
    await kubectl('wait', '--for=condition=complete', 'job/ix', '--timeout=90s')
    expect(await field('{.status.completedIndexes}', 'job', 'ix')).toBe('0-2')
    const lines = (await kubectl('logs', '-l', 'job-name=ix')).trim().split('\n')
    expect(lines.sort()).toEqual([0, 1, 2].map((index) => `index ${index} on ix-${index}`))
    await kubectl('wait', '--for=condition=failed', 'job/bad', '--timeout=60s')
    expect(await field('{.status.conditions[?(@.type=="Failed")].reason}', 'job', 'bad')).toBe('PodFailurePolicy')
    expect(await kubectl('create', 'job', 'now', '--from=cronjob/tick')).toContain('created')
    await eventually(
      'a job of the schedule',
      async () => ((await kubectl('get', 'jobs')).match(/^tick-\d+ +Complete/m) ? true : undefined),
      90_000,
    )
    await kubectl('delete', 'cronjob,job', '--all')
    await eventually('no pod', async () => ((await kubectl('get', 'pods')) === '' ? true : undefined))
  })
})

describe('the scheduler', () => {
  it('keeps pods apart that want to be, and makes room for more important ones', async () => {
    const apart = {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: selector('lone') }],
      },
    }
    const cpu = Math.floor(Number(await field('{.status.allocatable.cpu}', 'node', 'node-a')) * 700)
    await apply(
      { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'urgent' }, value: 1000 },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'lone' },
        spec: {
          replicas: 2,
          selector: selector('lone'),
          template: {
            metadata: { labels: { app: 'lone' } },
            spec: { ...podSpec({ resources: { requests: { cpu: `${cpu}m` } } }), affinity: apart },
          },
        },
      },
    )
    await kubectl('rollout', 'status', 'deployment/lone', '--timeout=90s')
    expect((await field('{.items[*].spec.nodeName}', 'pods', '-l', 'app=lone')).split(' ').sort()).toEqual(['node-a', 'node-a-2'])
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'first' },
      spec: { priorityClassName: 'urgent', ...podSpec({ resources: { requests: { cpu: `${cpu}m` } } }) },
    })
    await kubectl('wait', '--for=condition=ready', 'pod/first', '--timeout=60s')
    expect(await kubectl('get', 'events')).toMatch(/Preempted by pod/)
    expect(await field('{.status.readyReplicas}', 'deployment', 'lone')).toBe('1')
  })
})
