import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, execute, startCluster, type TestCluster } from '../support/cluster.ts'

/** The metrics APIs as kubectl, autoscalers and token holders use them, on real Docker and InfluxDB. */
const project = fileURLToPath(new URL('../..', import.meta.url))
const networkIndex = 36

interface MetricValueList {
  readonly items: readonly { readonly describedObject: { readonly name: string }; readonly value: string }[]
}
interface ExternalValueList {
  readonly items: readonly { readonly metricLabels: Record<string, string>; readonly value: string }[]
}

let folder: string
let cluster: TestCluster

const configuration = `
externalMetrics:
  - name: jobs_waiting
    query: SELECT sum("last") FROM (SELECT last("value") FROM "jobs" WHERE time > now() - 10m GROUP BY "queue") WHERE time > now() - 10m
    emptyValue: 0
    cache: 1s
  - name: jobs_by_queue
    namespaces: [default]
    query: SELECT last("value") FROM "jobs" WHERE time > now() - 10m GROUP BY "queue"
  - { name: node_cpu, metric: cpu/usage_rate, entity: node, aggregation: each }
  - { name: broken, query: SELECT nothing("value") FROM "jobs" WHERE time > now() - 1m }
prometheus: { resolution: 2s }
`

/** A Deployment on a stand-in image, which exports `sessions` as a file on the host says. */
const exporter = (shared: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: exporter }
spec:
  selector: { matchLabels: { app: exporter } }
  template:
    metadata:
      labels: { app: exporter }
      annotations: { prometheus.io/scrape: "true", prometheus.io/port: "8000" }
    spec:
      terminationGracePeriodSeconds: 0
      volumes: [{ name: shared, hostPath: { path: ${shared} } }]
      containers:
        - name: exporter
          image: jonbaier/pod-scaling:0.1
          imagePullPolicy: IfNotPresent
          volumeMounts: [{ name: shared, mountPath: /shared }]
          command: [node, -e]
          args:
            - |
              const { readFileSync } = require('node:fs')
              const page = () => '# TYPE sessions gauge\\nsessions{kind="a"} ' + readFileSync('/shared/sessions', 'utf8') + '\\n'
              require('node:http').createServer((_, response) => response.end(page())).listen(8000)
---
apiVersion: v1
kind: Service
metadata: { name: exporter }
spec: { selector: { app: exporter }, ports: [{ port: 8000 }] }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: exporter }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: exporter }
  minReplicas: 1
  maxReplicas: 3
  metrics: [{ type: Pods, pods: { metric: { name: sessions }, target: { type: AverageValue, averageValue: "10" } } }]
`

/** One that sleeps, and is scaled by what waits in queues. */
const worker = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: worker }
spec:
  selector: { matchLabels: { app: worker } }
  template:
    metadata: { labels: { app: worker } }
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{ name: worker, image: "jonbaier/pod-scaling:0.1", imagePullPolicy: IfNotPresent, command: [sleep, "100000"] }]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: worker }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: worker }
  minReplicas: 0
  maxReplicas: 5
  metrics: [{ type: External, external: { metric: { name: jobs_waiting }, target: { type: AverageValue, averageValue: "10" } } }]
`

beforeAll(async () => {
  await execute(process.execPath, [join(project, 'cli/main.ts'), 'images'], { timeoutMs: 240_000 })
  folder = mkdtempSync(join(tmpdir(), 'binnacle-metrics-'))
  writeFileSync(join(folder, 'sessions'), '5')
  writeFileSync(join(folder, 'aggregator.yaml'), configuration)
  const flags = [
    '--runtime=docker',
    '--resolution=2',
    '--downscale-stabilization=5',
    `--aggregator-config=${join(folder, 'aggregator.yaml')}`,
  ]
  cluster = await startCluster(flags, networkIndex)
  const applied = await cluster.kubectlWith(`${exporter(folder)}---${worker}`, 'apply', '-f', '-')
  if (applied.code !== 0) throw new Error(applied.stderr)
})

afterAll(async () => {
  await cluster?.remove()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

async function getRaw<T>(path: string): Promise<T> {
  const { stdout, stderr, code } = await cluster.kubectl('get', '--raw', path)
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}

async function replicasOf(name: string): Promise<number> {
  const { stdout } = await cluster.kubectl('get', 'deployment', name, '-o', 'jsonpath={.spec.replicas}')
  return Number(stdout)
}

const reach = (name: string, replicas: number, timeoutMs = 60_000) =>
  eventually(`${name} at ${replicas}`, async () => ((await replicasOf(name)) === replicas ? true : undefined), timeoutMs)

async function writeJobs(a: number, b: number): Promise<void> {
  const body = `jobs,queue=a value=${a}\njobs,queue=b value=${b}`
  const response = await fetch(`http://127.0.0.1:${cluster.ports.influxdb}/write?db=k8s`, { method: 'POST', body })
  expect(response.status).toBe(204)
}

const custom = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default'
const external = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default'

describe('metrics.k8s.io', () => {
  it('is available with the other two', async () => {
    for (const name of ['v1beta1.metrics', 'v1beta2.custom.metrics', 'v1beta1.custom.metrics', 'v1beta1.external.metrics']) {
      const waited = await cluster.kubectl('wait', '--for=condition=Available', `apiservice/${name}.k8s.io`, '--timeout=30s')
      expect(waited.stdout).toContain('condition met')
    }
  })

  it('feeds kubectl top in all its forms', async () => {
    const pod = await eventually('top has the pod', async () => {
      const { stdout } = await cluster.kubectl('top', 'pods', '-l', 'app=exporter', '--no-headers')
      return /^(exporter-\S+)\s+\d+m\s+\d+Mi/.exec(stdout)?.[1]
    })
    expect((await cluster.kubectl('top', 'nodes')).stdout).toMatch(/node-a\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/)
    expect((await cluster.kubectl('top', 'nodes', '--show-swap')).stdout).toMatch(/SWAP\(bytes\)/)
    const containers = await cluster.kubectl('top', 'pods', '--containers', '--use-protocol-buffers')
    expect(containers.stdout).toMatch(new RegExp(`${pod}\\s+exporter\\s+\\d+m\\s+\\d+Mi`))
    const sorted = await cluster.kubectl('top', 'pods', '-A', '--sum', '--sort-by=memory', '--use-protocol-buffers=false')
    const sizes = [...sorted.stdout.matchAll(/(\d+)Mi/g)].map(([, size]) => Number(size))
    const [sum, ...rest] = [sizes.pop()!, ...sizes]
    expect(rest).toEqual([...rest].sort((a, b) => b - a))
    expect(Math.abs(sum - rest.reduce((total, size) => total + size, 0))).toBeLessThanOrEqual(rest.length)
    expect((await cluster.kubectl('top', 'pods', '-l', 'app=nobody')).stderr).toContain('No resources found')
  })

  it('is a resource like any other: tables, YAML, selectors, explain, watch', async () => {
    expect((await cluster.kubectl('get', 'nodes.metrics.k8s.io')).stdout).toMatch(/NAME\s+CPU\s+MEMORY\s+WINDOW\nnode-a\s/)
    expect((await cluster.kubectl('get', 'podmetrics', '-l', 'app=exporter', '-o', 'yaml')).stdout).toContain('kind: PodMetrics')
    expect((await cluster.kubectl('explain', 'podmetrics', '--api-version=metrics.k8s.io/v1beta1')).stdout).toContain('containers')
    const watched = await cluster.kubectl('get', 'nodes.metrics.k8s.io', '--watch', '--request-timeout=5s')
    expect(watched.stdout.match(/^node-a/gm)?.length).toBeGreaterThanOrEqual(2)
    expect((await cluster.kubectl('get', 'podmetrics', 'nobody')).stderr).toContain('pods.metrics.k8s.io "default/nobody" not found')
    expect((await cluster.kubectl('delete', 'podmetrics', '--all')).stderr).toContain('MethodNotAllowed')
  })
})

describe('custom.metrics.k8s.io', () => {
  it('has what pods export, for pods, their workload, service and namespace, and what the catalogue has', async () => {
    await eventually('sessions', async () =>
      (await getRaw<MetricValueList>(`${custom}/pods/*/sessions`)).items.length > 0 ? true : undefined,
    )
    for (const object of ['deployments.apps/exporter', 'services/exporter', 'metrics'])
      expect((await getRaw<MetricValueList>(`${custom}/${object}/sessions?metricLabelSelector=kind%3Da`)).items[0]?.value).toBe('5')
    const memory = await getRaw<MetricValueList>(`${custom}/pods/*/memory_working_set?labelSelector=app%3Dexporter`)
    expect(Number(memory.items[0]?.value)).toBeGreaterThan(1 << 20)
    expect((await getRaw<MetricValueList>('/apis/custom.metrics.k8s.io/v1beta1/nodes/node-a/cpu_usage_rate')).items).toHaveLength(1)
    const { resources } = await getRaw<{ resources: { name: string }[] }>('/apis/custom.metrics.k8s.io/v1beta2')
    expect(resources.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['pods/sessions', 'services/sessions', 'nodes/cpu_usage_rate']),
    )
    await expect(getRaw(`${custom}/pods/*/nothing`)).rejects.toThrow('the server could not find the metric nothing for pods')
  })

  it('scales a Deployment by the average that its pods export, up and down again', async () => {
    writeFileSync(join(folder, 'sessions'), '18')
    await reach('exporter', 3)
    const described = (await cluster.kubectl('describe', 'hpa', 'exporter')).stdout
    expect(described).toMatch(/"sessions" on pods:\s+18 \/ 10/)
    expect(described).toContain('pods metric sessions above target')
    writeFileSync(join(folder, 'sessions'), '3')
    await reach('exporter', 1)
  })
})

describe('external.metrics.k8s.io', () => {
  it('answers queries of InfluxDB and metrics of the catalogue, with labels, and says what is wrong with a query', async () => {
    await writeJobs(0, 0)
    const queues = await getRaw<ExternalValueList>(`${external}/jobs_by_queue?labelSelector=queue%3Db`)
    expect(queues.items).toMatchObject([{ metricLabels: { queue: 'b' }, value: '0' }])
    expect((await getRaw<ExternalValueList>(`${external}/node_cpu`)).items[0]?.metricLabels).toEqual({ nodename: 'node-a' })
    await expect(getRaw(`${external}/broken`)).rejects.toThrow(/external metric "broken": .*undefined function nothing/)
    await expect(getRaw('/apis/external.metrics.k8s.io/v1beta1/namespaces/kube-system/jobs_by_queue')).rejects.toThrow(
      'could not find the metric',
    )
  })

  it('takes a Deployment from none to what is needed and back to none', async () => {
    await reach('worker', 0)
    await writeJobs(14, 6)
    await reach('worker', 2)
    const running = await cluster.kubectl('wait', '--for=condition=Available', 'deployment/worker', '--timeout=60s')
    expect(running.stdout).toContain('condition met')
    await eventually('the share is shown', async () =>
      (await cluster.kubectl('get', 'hpa', 'worker', '--no-headers')).stdout.includes('10/10 (avg)') ? true : undefined,
    )
    await writeJobs(0, 0)
    await reach('worker', 0)
    expect((await cluster.kubectl('get', 'events', '--field-selector=involvedObject.name=worker')).stdout).toContain(
      'external metric jobs_waiting(nil) above target',
    )
  })
})

describe('without the API server in between', () => {
  it('tokens of service accounts count, and RBAC decides', async () => {
    const token = (await cluster.kubectl('create', 'token', 'default')).stdout.trim()
    const get = (authorization?: string) =>
      new Promise<number>((resolve, reject) => {
        const options = { rejectUnauthorized: false, headers: authorization === undefined ? {} : { authorization } }
        const url = `https://127.0.0.1:${cluster.ports['metrics-api']}/apis/metrics.k8s.io/v1beta1/namespaces/default/pods`
        const asked = request(url, options, (response) => {
          response.resume()
          resolve(response.statusCode!)
        })
        asked.on('error', reject)
        asked.end()
      })
    expect(await get()).toBe(401)
    expect(await get('Bearer nonsense')).toBe(401)
    expect(await get(`Bearer ${token}`)).toBe(403)
    await cluster.kubectl('create', 'rolebinding', 'top', '--clusterrole=view', '--serviceaccount=default:default')
    await eventually('the binding is seen', async () => ((await get(`Bearer ${token}`)) === 200 ? true : undefined), 30_000)
  })
})
