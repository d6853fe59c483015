import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectDocker } from '../../cli/setup/docker-client.ts'
import { eventually, execute, startCluster, type TestCluster } from '../support/cluster.ts'

/**
 * The walkthrough of the README on real Docker, InfluxDB, SMTP and kubectl 1.35, in order: each step builds on the one before.
 */
const manifests = fileURLToPath(new URL('../../examples/manifests', import.meta.url))
const manifest = (name: string) => join(manifests, name)

interface PodJson {
  metadata: { name: string }
  status: { phase: string; podIP?: string; conditions?: { type: string; status: string }[] }
}

const mails: string[] = []
const posts: { status: string; alerts: { labels: Record<string, string>; status: string }[] }[] = []
let smtp: SMTPServer
let webhook: Server
let cluster: TestCluster
let folder: string | undefined

const rules = `groups:
- name: walkthrough
  interval: 2s
  rules:
  - alert: PodCpuHigh
    metric: cpu/usage_rate
    entity: {type: pod, labels: {namespace: default}}
    aggregation: avg
    window: 15s
    condition: '> 50m'
    for: 5s
    severity: warning
    annotations: {summary: 'pod {{ $labels.pod }} uses {{ $value }} millicores'}
  - alert: PodRestarting
    metric: restart_count
    entity: {type: pod, labels: {namespace: default}}
    aggregation: increase
    window: 5m
    condition: '> 0'
    severity: warning
    annotations: {summary: 'pod {{ $labels.pod }} restarts'}
`

beforeAll(async () => {
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onData: (stream, _session, done) => {
      let text = ''
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      stream.on('end', () => {
        mails.push(text)
        done()
      })
    },
  })
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve))
  webhook = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      posts.push(JSON.parse(text) as (typeof posts)[number])
      response.end()
    })
  })
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
  const smtpPort = ((smtp.server as unknown as Server).address() as AddressInfo).port
  const webhookPort = (webhook.address() as AddressInfo).port
  folder = await mkdtemp(join(tmpdir(), 'binnacle-e2e-main-job-'))
  const rulesFile = join(folder, 'rules.yaml')
  const configFile = join(folder, 'alerts.yaml')
  writeFileSync(rulesFile, rules)
  writeFileSync(
    configFile,
    `global: {smtp_smarthost: '127.0.0.1:${smtpPort}', smtp_from: binnacle@example.com, smtp_require_tls: false}
route: {receiver: all, group_by: [alertname, pod], group_wait: 1s, group_interval: 5s, repeat_interval: 4h}
receivers:
- name: all
  email_configs: [{to: oncall@example.com, send_resolved: true}]
  webhook_configs: [{url: 'http://127.0.0.1:${webhookPort}/hook', send_resolved: true}]
`,
  )
  await execute(process.execPath, [join(manifests, '../../cli/main.ts'), 'images'], { timeoutMs: 240_000 })
  cluster = await startCluster([`--rules=${rulesFile}`, `--alerts-config=${configFile}`, '--downscale-stabilization=10'])
})

afterAll(async () => {
  await cluster?.remove()
  if (folder !== undefined) await rm(folder, { recursive: true })
  await new Promise<void>((resolve) => (smtp === undefined ? resolve() : smtp.close(() => resolve())))
  await new Promise<void>((resolve) => (webhook === undefined ? resolve() : webhook.close(() => resolve())))
})

async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await cluster.kubectl(...args)
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`)
  return stdout
}

async function readyPods(selector: string): Promise<PodJson[]> {
  const { items } = JSON.parse(await kubectl('get', 'pods', '-l', selector, '-o', 'json')) as { items: PodJson[] }
  return items.filter(({ status }) => status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'))
}

const readyCount = (selector: string, count: number, timeoutMs = 60_000) =>
  eventually(
    `${count} ready pods of ${selector}`,
    async () => {
      const pods = await readyPods(selector)
      return pods.length === count ? pods : undefined
    },
    timeoutMs,
  )

async function influx(query: string): Promise<{ name?: string; values: unknown[][] }[]> {
  const url = `http://127.0.0.1:${cluster.ports.influxdb}/query?db=k8s&epoch=ms&q=${encodeURIComponent(query)}`
  const answer = (await (await fetch(url)).json()) as { results: { error?: string; series?: { name: string; values: unknown[][] }[] }[] }
  if (answer.results[0]?.error !== undefined) throw new Error(answer.results[0].error)
  return answer.results[0]?.series ?? []
}

describe('the main job', () => {
  it('is a cluster that kubectl knows its way around in', async () => {
    expect(cluster.output()).toMatch(/Binnacle is ready\. kubeconfig: .*kubeconfig/)
    expect(await kubectl('get', 'nodes')).toMatch(/node-a +Ready/)
    expect(await kubectl('get', 'namespaces')).toMatch(/default +Active[\s\S]*kube-system +Active/)
    expect(await kubectl('cluster-info')).toContain('is running at')
    expect(await kubectl('api-resources')).toMatch(/horizontalpodautoscalers +hpa +autoscaling\/v2 +true/)
    expect(await kubectl('version')).toMatch(/Server Version: v1\.35/)
  })

  it('runs a replication controller and its service', async () => {
    await kubectl('create', '-f', manifest('pod-scaling-controller.yaml'), '-f', manifest('pod-scaling-service.yaml'))
    await readyCount('name=node-js-scale', 1)
    expect(await kubectl('get', 'pods', '-l', 'name=node-js-scale', '-o', 'wide')).toMatch(
      /1\/1 +Running +0 +\S+ +10\.60\.\d+\.\d+ +node-a/,
    )
    const described = await kubectl('describe', 'pod', '-l', 'name=node-js-scale')
    expect(described).toMatch(/Scheduled[\s\S]*Successfully assigned default\/node-js-scale-\w+ to node-a/)
    expect(described).toMatch(/Started/)
    const logs = await eventually('a log line', async () => (await kubectl('logs', '-l', 'name=node-js-scale')) || undefined)
    expect(logs).toContain('listens on port 80')
    expect(await kubectl('get', 'rc,svc,endpoints,events')).toMatch(/replicationcontroller\/node-js-scale +1 +1 +1/)
  })

  it('answers exec with output and exit code', async () => {
    const [pod] = await readyPods('name=node-js-scale')
    expect(await kubectl('exec', pod!.metadata.name, '--', 'sh', '-c', 'echo from inside')).toBe('from inside\n')
    expect((await cluster.kubectl('exec', pod!.metadata.name, '--', 'sh', '-c', 'exit 7')).code).toBe(7)
  })

  it('scales, and replaces a pod that is deleted', async () => {
    await kubectl('scale', '--replicas=3', 'rc/node-js-scale')
    const pods = await readyCount('name=node-js-scale', 3)
    await kubectl('delete', 'pod', pods[0]!.metadata.name)
    const after = await readyCount('name=node-js-scale', 3)
    expect(after.map(({ metadata }) => metadata.name)).not.toContain(pods[0]!.metadata.name)
  })

  it('answers on the cluster address from the host and by name from a pod, spread over the pods', async () => {
    await kubectl('expose', 'rc', 'node-js-scale', '--name=spread', '--port=80')
    const address = (await kubectl('get', 'svc', 'spread', '-o', 'jsonpath={.spec.clusterIP}')).trim()
    const seen = new Set<string>()
    await eventually('three pods behind one address', async () => {
      const text = await (await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000), headers: { connection: 'close' } })).text()
      for (const name of text.match(/node-js-scale-\w{5}/g) ?? []) seen.add(name)
      return seen.size === 3 ? true : undefined
    })
    const [pod] = await readyPods('name=node-js-scale')
    for (const name of ['node-js-scale', 'spread.default.svc.cluster.local']) {
      expect(await kubectl('exec', pod!.metadata.name, '--', 'wget', '-q', '-O', '-', `http://${name}/`)).toMatch(/node-js-scale-\w{5}/)
    }
  })

  it('gives no request to a pod that is not ready', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'never-ready', labels: { app: 'never-ready' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          { name: 'web', image: 'jonbaier/pod-scaling:0.1', readinessProbe: { exec: { command: ['false'] }, periodSeconds: 1 } },
        ],
      },
    }
    await cluster.kubectlWith(JSON.stringify(pod), 'create', '-f', '-')
    await kubectl('expose', 'pod', 'never-ready', '--port=80')
    await kubectl('wait', '--for=jsonpath={.status.phase}=Running', 'pod/never-ready', '--timeout=30s')
    expect(await kubectl('get', 'endpoints', 'never-ready', '-o', 'jsonpath={.subsets[*].addresses}')).toBe('')
    const address = (await kubectl('get', 'svc', 'never-ready', '-o', 'jsonpath={.spec.clusterIP}')).trim()
    await expect(fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000) })).rejects.toThrow('fetch failed')
    await kubectl('delete', 'pod,svc', 'never-ready')
  })

  it('autoscales under load within 15 s and goes back to one after it', async () => {
    await kubectl('delete', 'svc', 'spread')
    await kubectl('scale', '--replicas=1', 'rc/node-js-scale')
    await readyCount('name=node-js-scale', 1)
    await kubectl('create', '-f', manifest('node-js-scale-hpa.yaml'))
    await eventually(
      'a figure in the autoscaler',
      async () => (/cpu: \d+%\/20%/.test(await kubectl('get', 'hpa', 'node-js-scale')) ? true : undefined),
      20_000,
    )
    await kubectl('create', '-f', manifest('boomload.yaml'))
    const crossed = await eventually(
      'the load crossing the target',
      async () => {
        const [, percent] = /cpu: (\d+)%\/20%/.exec(await kubectl('get', 'hpa', 'node-js-scale')) ?? []
        return Number(percent) > 22 && (await readyPods('app=loadgenerator')).length === 1 ? performance.now() : undefined
      },
      60_000,
    )
    await eventually('more replicas running', async () => ((await readyPods('name=node-js-scale')).length > 1 ? true : undefined), 20_000)
    const seconds = (performance.now() - crossed) / 1000
    console.log(`load over the target → more replicas ready: ${seconds.toFixed(1)} s`)
    expect(seconds).toBeLessThan(15)
  })

  it('shows the same use in kubectl top as docker stats within 10 %', async () => {
    await eventually('kubectl top', async () => ((await cluster.kubectl('top', 'pods', '--containers')).code === 0 ? true : undefined))
    const docker = connectDocker(process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock')
    const containers = await docker.listContainers({
      filters: { label: ['io.kubernetes.pod.namespace=default', 'io.kubernetes.docker.type=container'] },
    })
    const mine = containers.filter(
      ({ Labels }) => Labels['binnacle.node'] === 'node-a' && Labels['io.kubernetes.container.name'] === 'node-js-scale',
    )
    expect(mine.length).toBeGreaterThan(0)
    const counters = async () => {
      const rows = await Promise.all(
        mine.map(async ({ Id, Labels }) => {
          const asked = docker.getContainer(Id).stats({ stream: false, 'one-shot': true } as never) as unknown as Promise<{
            cpu_stats: { cpu_usage: { total_usage: number } }
          }>
          const stats = await asked.catch(() => undefined)
          return [Labels['io.kubernetes.pod.name']!, stats?.cpu_stats.cpu_usage.total_usage ?? 0] as const
        }),
      )
      return { at: performance.now(), ns: new Map(rows) }
    }
    // The load has just begun, and kubectl shows the mean of the last scrapes: both are given the time to be about the same seconds.
    await new Promise((resolve) => setTimeout(resolve, 15_000))
    const before = await counters()
    const tops: Map<string, number>[] = []
    await new Promise((resolve) => setTimeout(resolve, 5000))
    while (performance.now() - before.at < 40_000) {
      const lines = (await kubectl('top', 'pods', '--containers', '--no-headers')).split('\n').map((line) => line.split(/ +/))
      tops.push(
        new Map(lines.filter(([, container]) => container === 'node-js-scale').map(([pod, , cpu]) => [pod!, Number.parseInt(cpu!)])),
      )
      await new Promise((resolve) => setTimeout(resolve, 2000))
    }
    const after = await counters()
    // Replicas may come and go meanwhile: only those that lived through it are compared.
    const lasting = [...before.ns.keys()].filter((pod) => after.ns.get(pod)! > 0 && tops.every((top) => top.has(pod)))
    expect(lasting.length).toBeGreaterThan(0)
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
    const truth = sum(lasting.map((pod) => after.ns.get(pod)! - before.ns.get(pod)!)) / 1e6 / ((after.at - before.at) / 1000)
    const shown = sum(tops.map((top) => sum(lasting.map((pod) => top.get(pod)!)))) / tops.length
    console.log(`kubectl top ${shown.toFixed(0)}m, docker ${truth.toFixed(0)}m`)
    expect(Math.abs(shown - truth) / truth).toBeLessThan(0.1)
    expect(await kubectl('top', 'nodes')).toMatch(/node-a +\d+m +\d+% +\d+Mi +\d+%/)
  })

  it('serves the model API, the collector and the summary', async () => {
    const json = async (port: number, path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as any
    const { aggregator, collector } = cluster.ports
    expect((await json(aggregator, '/api/v1/metric-export-schema')).metrics.map(({ name }: { name: string }) => name)).toContain(
      'cpu/usage_rate',
    )
    expect(await json(aggregator, '/api/v1/model/nodes/')).toEqual(['node-a'])
    const [pod] = await readyPods('name=node-js-scale')
    const rate = await json(aggregator, `/api/v1/model/namespaces/default/pods/${pod!.metadata.name}/metrics/cpu/usage_rate`)
    expect(rate.metrics.length).toBeGreaterThan(2)
    expect((await json(collector, '/api/v1.3/containers/')).name).toBe('/')
    expect(Object.keys(await json(collector, '/api/v1.3/docker/')).length).toBeGreaterThan(1)
    expect((await json(collector, '/stats/summary')).node.nodeName).toBe('node-a')
    expect(await (await fetch(`http://127.0.0.1:${collector}/metrics`)).text()).toMatch(
      /container_cpu_usage_seconds_total\{.*pod="node-js-scale-/,
    )
  })

  it('keeps the curve of the load in InfluxDB, without a gap while influxd is away', async () => {
    const names = (await influx('SHOW MEASUREMENTS'))[0]!.values.map(([name]) => name)
    expect(names).toEqual(expect.arrayContaining(['cpu/usage_rate', 'memory/working_set', 'network/rx_rate', 'filesystem/usage', 'uptime']))
    const { influxd } = cluster.pids()
    process.kill(influxd!, 'SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 30_000))
    process.kill(influxd!, 'SIGCONT')
    process.kill(influxd!, 'SIGKILL')
    await eventually('influxd comes back', async () => {
      const { influxd: pid } = cluster.pids()
      return pid !== undefined && pid !== influxd && (await influx('SHOW MEASUREMENTS')).length > 0 ? true : undefined
    })
    await eventually('no gap over the outage', async () => {
      const [series] = await influx(`SELECT value FROM "cpu/usage_rate" WHERE type = 'node' AND time > now() - 60s`)
      const times = series!.values.map(([time]) => Number(time))
      const gaps = times.slice(1).map((time, index) => time - times[index]!)
      return times.length >= 10 && Math.max(...gaps) <= 8000 ? true : undefined
    })
  })

  it('mails and posts an alert once when it fires and once when it is resolved', async () => {
    await eventually('the CPU alert in the API', async () => {
      const alerts = (await (await fetch(`http://127.0.0.1:${cluster.ports.alerts}/api/v2/alerts`)).json()) as {
        labels: Record<string, string>
        status: { state: string }
      }[]
      return alerts.some(({ labels, status }) => labels['alertname'] === 'PodCpuHigh' && status.state === 'active') ? true : undefined
    })
    await eventually('the firing mail and post', async () =>
      mails.some((mail) => mail.includes('PodCpuHigh')) && posts.some(({ status }) => status === 'firing') ? true : undefined,
    )
    await kubectl('delete', 'rc/boomload')
    const firing = () =>
      new Set(
        posts.flatMap(({ alerts }) =>
          alerts
            .filter(({ status, labels }) => status === 'firing' && labels['alertname'] === 'PodCpuHigh')
            .map(({ labels }) => labels['pod']),
        ),
      )
    const resolved = () =>
      new Set(
        posts.flatMap(({ alerts }) =>
          alerts
            .filter(({ status, labels }) => status === 'resolved' && labels['alertname'] === 'PodCpuHigh')
            .map(({ labels }) => labels['pod']),
        ),
      )
    await eventually(
      'every firing alert is resolved',
      async () => (firing().size > 0 && firing().size === resolved().size ? true : undefined),
      90_000,
    )
    const told = posts.flatMap(({ alerts }) =>
      alerts.filter(({ status }) => status === 'resolved').map(({ labels }) => `${labels['alertname']}/${labels['pod']}`),
    )
    expect(new Set(told).size).toBe(told.length)
  })

  it('goes back to one replica after the stabilization window', async () => {
    await readyCount('name=node-js-scale', 1, 60_000)
    expect(await kubectl('get', 'events')).toMatch(/SuccessfulRescale/)
  })

  it('takes protobuf from kubectl autoscale', async () => {
    await kubectl('delete', 'hpa', 'node-js-scale')
    await kubectl('autoscale', 'rc', 'node-js-scale', '--min=1', '--max=2', '--cpu=50%')
    expect(await kubectl('get', 'hpa', 'node-js-scale')).toMatch(/ReplicationController\/node-js-scale +cpu: .*\/50% +1 +2/)
  })

  it.each(['server', 'monitor', 'node-0'])('brings %s back after kill -9, with nothing lost', async (name) => {
    await kubectl('create', 'configmap', `before-${name}`, '--from-literal=kept=yes')
    const before = cluster.pids()[name]!
    process.kill(before, 'SIGKILL')
    await eventually(`${name} is back`, async () => {
      const pid = cluster.pids()[name]
      return pid !== undefined && pid !== before && (await cluster.binnacle('status')).code === 0 ? true : undefined
    })
    expect(await kubectl('get', 'configmap', `before-${name}`, '-o', 'jsonpath={.data.kept}')).toBe('yes')
    await eventually('the node is ready', async () => (/node-a +Ready/.test(await kubectl('get', 'nodes')) ? true : undefined))
    const pods = await readyCount('name=node-js-scale', 1)
    expect(await kubectl('get', 'pod', pods[0]!.metadata.name, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}')).toBe('0')
  })

  it('stops everything at Ctrl-C and goes on where it was', async () => {
    expect(await cluster.interrupt()).toBe(0)
    const { clusterId } = JSON.parse((await import('node:fs')).readFileSync(join(cluster.dataDir, 'cluster.json'), 'utf8')) as {
      clusterId: string
    }
    const docker = connectDocker(process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock')
    expect(await docker.listContainers({ all: true, filters: { label: [`binnacle.cluster=${clusterId}`] } })).toEqual([])
    expect((await execute('nft', ['list', 'tables'])).stdout).not.toContain(clusterId)
    await cluster.restart()
    await readyCount('name=node-js-scale', 1)
    expect(await kubectl('get', 'configmap', 'before-server', '-o', 'jsonpath={.data.kept}')).toBe('yes')
  })
})
