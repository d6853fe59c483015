import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { eventually, execute, startCluster, type TestCluster } from '../support/cluster.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const manifest = (name: string) => readFileSync(new URL(`../../deploy/aggregator/${name}`, import.meta.url), 'utf8')

/** `binnacle aggregator` beside a cluster that knows nothing of it, with nothing but the permissions of its manifests. */
describe('binnacle aggregator against a cluster that is not its own', () => {
  let cluster: TestCluster
  let aggregator: ChildProcess
  let output = ''
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-aggregator-'))
  const kubeconfig = join(folder, 'kubeconfig')

  beforeAll(async () => {
    cluster = await startCluster(['--runtime=simulated', '--influxdb=none', '--nodes=2'], 34)
    await cluster.kubectlWith(manifest('1-permissions.yaml'), 'apply', '-f', '-')
    const { stdout: token } = await cluster.kubectl('create', 'token', '-n', 'kube-system', 'binnacle-aggregator')
    const config = parse(readFileSync(join(cluster.dataDir, 'kubeconfig'), 'utf8')) as { users: { user: object }[] }
    config.users[0]!.user = { token: token.trim() }
    writeFileSync(kubeconfig, stringify(config))
    await cluster.kubectl('create', 'deployment', 'web', '--image=registry.k8s.io/pause:3.9', '--replicas=2')
    const flags = [`--kubeconfig=${kubeconfig}`, '--metric-resolution=2s', '--port=0', '--secure-port=0', '--sink=log']
    aggregator = spawn(process.execPath, [main, 'aggregator', ...flags])
    for (const stream of [aggregator.stdout!, aggregator.stderr!]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  })
  afterAll(async () => {
    aggregator.kill()
    await cluster.remove()
    rmSync(folder, { recursive: true })
  })

  const addresses = () =>
    eventually('the aggregator is ready', () => {
      const line = output.split('\n').find((text) => text.includes('"msg":"ready"'))
      return Promise.resolve(line === undefined ? undefined : (JSON.parse(line) as { http: string; metricsApi: string[] }))
    })

  it('scrapes every node with the token of its service account', async () => {
    const { http } = await addresses()
    const endpoints = await eventually('both nodes are healthy', async () => {
      const { sources } = (await (await fetch(`${http}/api/v1/sources`)).json()) as { sources: { isHealthy: boolean; endpoint: string }[] }
      return sources.length === 2 && sources.every(({ isHealthy }) => isHealthy) ? sources.map(({ endpoint }) => endpoint) : undefined
    })
    expect(endpoints).toEqual(['summary', 'summary'])
  })

  it('answers kubectl top through the APIServices of its manifests', async () => {
    const { metricsApi } = await addresses()
    const port = Number(new URL(metricsApi[0]!).port)
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'binnacle-aggregator', namespace: 'kube-system' },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
    }
    const apiServices = parseAllDocuments(manifest('3-apiservices.yaml')).map((document) => {
      document.setIn(['spec', 'service', 'port'], port)
      return document.toString()
    })
    await cluster.kubectlWith(stringify(service), 'apply', '-f', '-')
    const replaced = await cluster.kubectlWith(apiServices.join('---\n'), 'replace', '--force', '-f', '-')
    expect(replaced.code, replaced.stderr).toBe(0)
    const top = await eventually('kubectl top answers', async () => {
      const { stdout, code } = await cluster.kubectl('top', 'pods', '--no-headers')
      return code === 0 && stdout.trim().split('\n').length === 2 ? stdout : undefined
    })
    expect(top).toMatch(/^web-\S+ +\d+m +\d+Mi/)
    const { stdout } = await cluster.kubectl('get', 'apiservice', 'v1beta1.metrics.k8s.io', '-o', 'jsonpath={.spec.service.name}')
    expect(stdout).toBe('binnacle-aggregator')
  })

  it('tells its sinks of events once, also when the API server was killed meanwhile', async () => {
    await cluster.kubectl('scale', 'deployment', 'web', '--replicas=3')
    const scaled = () => output.split('\n').filter((line) => line.includes('"msg":"event"') && line.includes('ScalingReplicaSet'))
    const hasScaledTo = (count: number) => scaled().some((line) => line.includes(`to ${count}`)) || undefined
    await eventually('the event reached the sink', () => Promise.resolve(hasScaledTo(3)))
    process.kill(cluster.pids()['server']!, 'SIGKILL')
    await eventually('the API server is back', async () => ((await cluster.kubectl('get', 'nodes')).code === 0 ? true : undefined))
    await cluster.kubectl('scale', 'deployment', 'web', '--replicas=4')
    await eventually('the next event reached it, too', () => Promise.resolve(hasScaledTo(4)))
    expect(scaled().filter((line) => line.includes('to 3'))).toHaveLength(1)
  })

  it('ends cleanly, and is clear about what it cannot use', async () => {
    aggregator.kill('SIGTERM')
    expect(await once(aggregator, 'exit')).toEqual([0, null])
    const run = (...args: string[]) => execute(process.execPath, [main, 'aggregator', ...args])
    expect(await run('--kubeconfig=/nowhere')).toMatchObject({ code: 2, stderr: expect.stringContaining('"/nowhere"') as string })
    expect(await run('--sink=nowhere:http://a', `--kubeconfig=${kubeconfig}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--sink: sink nowhere') as string,
    })
    const { stdout } = await run('--print-manifests')
    expect(parseAllDocuments(stdout).map((document) => document.get('kind'))).toContain('ClusterRole')
  })
})
