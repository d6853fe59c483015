import { spawn, type ChildProcess } from 'node:child_process'
import { Agent, request } from 'node:https'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadKubeconfig } from '../../../orchestrator/client/kubeconfig.ts'
import { eventually, execute, startCluster, type TestCluster } from '../../support/cluster.ts'
import { importShellImage } from '../node/shell-image.ts'

const image = 'binnacle-test/shell:search'
const networkIndex = 166
const program = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))
const nodes = ['node-a', 'node-a-2'] as const
/** Ten numbered lines a second, and something else that does not matter. */
const ticking = (node: string) => `apiVersion: v1
kind: Pod
metadata: {name: ticking-${node}, labels: {app: search, host: ${node}}}
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: ${image}
    imagePullPolicy: IfNotPresent
    command: [/bin/sh, -c, 'n=0; while true; do echo "tick $n"; echo "noise"; n=$((n+1)); sleep 0.1; done']
`

interface Line {
  readonly time: string
  readonly node: string
  readonly number: number
}

const linesOf = (output: string): Line[] =>
  [...output.matchAll(/^(\S+) default\/ticking-(\S+)\/main tick (\d+)$/gm)].map(([, time, node, number]) => ({
    time: time!,
    node: node!,
    number: Number(number),
  }))

let cluster: TestCluster
beforeAll(async () => {
  await importShellImage(image)
  cluster = await startCluster(['--nodes=2', '--influxdb=none'], networkIndex)
  for (const node of nodes) {
    const { code, stderr } = await cluster.kubectlWith(ticking(node), 'create', '-f', '-')
    if (code !== 0) throw new Error(stderr)
  }
})
afterAll(async () => {
  await cluster?.remove()
  await execute('docker', ['rmi', '-f', image])
})

describe('logs of a whole cluster', () => {
  const children: ChildProcess[] = []
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL')
  })

  function follow(...args: readonly string[]) {
    const child = spawn(process.execPath, [program, 'logs', ...args, '-f', `--data-dir=${cluster.dataDir}`])
    children.push(child)
    const seen = { output: '', complaints: '' }
    child.stdout.on('data', (chunk: Buffer) => (seen.output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (seen.complaints += chunk.toString()))
    return { child, seen }
  }

  it('come in order while they are written, and go on with no line lost or twice when a node agent is killed', async () => {
    const { child, seen } = follow('-l', 'app=search', '--match', 'tick', '--since', '1h')
    const newest = (node: string) => linesOf(seen.output).findLast((line) => line.node === node)?.number ?? -1
    await eventually('both pods to be seen', async () => (nodes.every((node) => newest(node) > 20) ? true : undefined))
    const before = linesOf(seen.output).map(({ time }) => time)
    expect(before).toEqual(before.toSorted())
    const killedAt = newest('node-a-2')
    process.kill(cluster.pids()['node-1']!, 'SIGKILL')
    await eventually('the lines of the node whose agent was killed', async () => (newest('node-a-2') > killedAt + 60 ? true : undefined))
    child.kill('SIGINT')
    for (const node of nodes) {
      const numbers = linesOf(seen.output)
        .filter((line) => line.node === node)
        .map(({ number }) => number)
      expect(numbers).toEqual(Array.from({ length: numbers.at(-1)! + 1 }, (_, index) => index))
    }
    expect(seen.output).not.toContain('noise')
    expect(seen.complaints).toContain('not complete: node-a-2: ')
  })

  it('are found by label, text and expression when their pods are gone', async () => {
    expect((await cluster.kubectl('delete', 'pod', '-l', 'app=search', '--wait=true')).code).toBe(0)
    const all = linesOf((await cluster.binnacle('logs', '-l', 'app=search', '--match=tick', '--since=1h')).stdout)
    expect(new Set(all.map(({ node }) => node))).toEqual(new Set(nodes))
    expect(all.map(({ time }) => time)).toEqual(all.map(({ time }) => time).toSorted())
    const some = await cluster.binnacle('logs', '-l', 'app=search,host!=node-a', '--regex=^tick [0-4]$', '-o', 'json', '--since=1h')
    const records = some.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { node: string; pod: string; text: string })
    expect(records.map(({ node, pod, text }) => [node, pod, text])).toEqual(
      Array.from({ length: 5 }, (_, number) => ['node-a-2', 'ticking-node-a-2', `tick ${number}`]),
    )
    expect((await cluster.binnacle('logs', '-l', 'app=other', '--tail=5')).stdout).toBe('')
  })

  it('have events and the audit log beside them', async () => {
    const events = await cluster.binnacle('logs', '--events', '--pod=ticking-node-a', '--match=Started')
    expect(events.stdout).toMatch(/^\S+ events\/default Normal Started Pod\/ticking-node-a: /)
    const deleted = await eventually('the deletion to be in the audit log', async () => {
      const { stdout } = await cluster.binnacle('logs', '--audit', '-o', 'json', '--match="verb":"delete', '--namespace=default')
      return stdout.includes('ticking') || stdout.includes('deletecollection') ? stdout : undefined
    })
    expect(deleted).toContain('authorization.k8s.io/decision')
  })

  it('are refused to who may not read them', async () => {
    const { ca, cert, key } = loadKubeconfig({ path: `${cluster.dataDir}/kubeconfig` }, undefined)
    const rights = ['create', 'rolebinding', 'reads-logs', '--clusterrole=view', '--serviceaccount=default:reader']
    await cluster.kubectl('create', 'serviceaccount', 'reader')
    await cluster.kubectl(...rights)
    const tokenOf = async (account: string) => (await cluster.kubectl('create', 'token', account)).stdout.trim()
    const [token, reader] = await Promise.all([tokenOf('default'), tokenOf('reader')])
    const ask = (path: string, credentials: { readonly cert?: string; readonly key?: string; readonly token?: string }) => {
      const agent = new Agent({ ca, cert: credentials.cert, key: credentials.key })
      const headers = credentials.token === undefined ? {} : { authorization: `Bearer ${credentials.token}` }
      return new Promise<number>((resolve, reject) => {
        const sent = request({ host: 'localhost', port: cluster.ports['metrics-api'], path, agent, headers }, (response) => {
          response.resume()
          response.on('end', () => {
            agent.destroy()
            resolve(response.statusCode!)
          })
        })
        sent.on('error', reject)
        sent.end()
      })
    }
    const ours = '/api/v1/logs?namespace=default&limit=1'
    expect(await ask(ours, {})).toBe(401)
    expect(await ask(ours, { token })).toBe(403)
    expect(await ask(ours, { token: reader })).toBe(200)
    expect(await ask('/api/v1/logs?limit=1', { token: reader })).toBe(403)
    expect(await ask('/api/v1/logs?kind=audit&limit=1', { token: reader })).toBe(403)
    expect(await ask('/api/v1/logs?kind=audit&limit=1', { cert: cert!, key: key! })).toBe(200)
  })

  it('says what is wrong with a question', async () => {
    const { code, stderr } = await cluster.binnacle('logs', '-A', '--regex=(')
    expect(code).toBe(2)
    expect(stderr).toContain('regex: "(" is not allowed')
    expect((await cluster.binnacle('logs', 'server')).stdout).toContain('"component":"server"')
  })
})
