import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { seededRandom } from '../../../lib/random.ts'
import { eventually, startCluster } from '../../support/cluster.ts'
import type { TestCluster } from '../../support/cluster.ts'
import { startWebhook } from './collectors.ts'
import type { Collector } from './collectors.ts'

/** Deliveries at the same time to one receiver: what the end of a leader can leave open. */
const concurrency = 8
const random = seededRandom(20300102)
const command = join(import.meta.dirname, '../../../cli/main.ts')

interface Server {
  readonly name: string
  process: ChildProcess
  url: string
}

interface Status {
  readonly isLeading: boolean
  readonly term?: number
  readonly inSync?: readonly string[]
}

let folder: string
let cluster: TestCluster
let webhook: Collector
let servers: Server[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-alerts-cluster-'))
  webhook = await startWebhook(() => (random.fraction() < 0.1 ? '503' : 'none'))
  writeFileSync(
    join(folder, 'alertmanager.yml'),
    `route: {receiver: all, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers: [{name: all, webhook_configs: [{url: 'http://127.0.0.1:${webhook.port}/'}]}]
`,
  )
  cluster = await startCluster(['--runtime=simulated', '--influxdb=none'], 158)
  servers = await Promise.all(['a', 'b'].map(async (name) => ({ name, ...(await start(name)) })))
}, 120_000)

afterAll(async () => {
  await Promise.all(servers?.map((server) => end(server, 'SIGKILL')) ?? [])
  await cluster?.remove()
  await webhook?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function start(name: string): Promise<Omit<Server, 'name'>> {
  const flags = [
    `--config=${join(folder, 'alertmanager.yml')}`,
    `--data=${join(folder, name)}`,
    '--listen=127.0.0.1:0',
    '--peers=127.0.0.1:0',
    `--name=${name}`,
    '--lease-duration=2s',
    `--kubeconfig=${join(cluster.dataDir, 'kubeconfig')}`,
    '--log-level=error',
  ]
  const child = spawn(process.execPath, [command, 'alerts', 'serve', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { process: child, url: `http://${line.replace('listening on ', '')}` }
}

async function end(server: Server, signal: NodeJS.Signals): Promise<void> {
  if (server.process.exitCode !== null || server.process.signalCode !== null) return
  server.process.kill(signal)
  await once(server.process, 'exit')
}

async function statusOf(server: Server): Promise<Status> {
  const response = await fetch(`${server.url}/cluster/v1/status`, { signal: AbortSignal.timeout(1000) })
  return (await response.json()) as Status
}

/** The one that leads, once the other one has everything. */
function leaderInSync(): Promise<Server> {
  return eventually('a leader with a follower that has everything', async () => {
    for (const server of servers) {
      const status = await statusOf(server)
      if (status.isLeading && status.inSync?.length === 2) return server
    }
    return undefined
  })
}

/** Posts numbered alerts, each until one of the servers acknowledges it, until told to stop. */
function keepPosting(): { readonly acknowledged: number[]; stop(): Promise<void> } {
  const acknowledged: number[] = []
  const abort = new AbortController()
  const run = async () => {
    for (let number = 0; !abort.signal.aborted; number++) {
      for (let attempt = number; !(await post(servers[attempt % servers.length]!, number)); attempt++) await sleep(20)
      acknowledged.push(number)
    }
  }
  const running = run()
  return {
    acknowledged,
    stop: async () => {
      abort.abort()
      await running
    },
  }
}

async function post({ url }: Server, number: number): Promise<boolean> {
  const body = JSON.stringify([{ labels: { alertname: 'Numbered', number: String(number) }, endsAt: '2099-01-01T00:00:00Z' }])
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(1500) }
  return fetch(`${url}/api/v2/alerts`, request).then(
    (response) => response.ok,
    () => false,
  )
}

it('two servers hand over without losing a notification, or repeating one but what was under way', async () => {
  await leaderInSync()
  const posting = keepPosting()
  const cruelties: ((leader: Server) => Promise<void>)[] = [
    async (leader) => {
      await end(leader, 'SIGKILL')
      Object.assign(leader, await start(leader.name))
    },
    // A leader that is held up comes back when another one leads, and does not know it yet.
    async (leader) => {
      leader.process.kill('SIGSTOP')
      await eventually('the other one leads', async () => {
        const other = servers.find((server) => server !== leader)!
        return (await statusOf(other)).isLeading ? true : undefined
      })
      leader.process.kill('SIGCONT')
    },
    async (leader) => {
      await end(leader, 'SIGTERM')
      Object.assign(leader, await start(leader.name))
    },
  ]
  for (const cruelty of [...cruelties, ...cruelties]) {
    const leader = await leaderInSync()
    await sleep(300 + random.fraction() * 500)
    await cruelty(leader)
  }
  await leaderInSync()
  await posting.stop()
  expect(posting.acknowledged.length).toBeGreaterThan(50)

  const idsOf = (number: number) => webhook.taken.filter((taken) => taken.number === String(number)).map(({ id }) => id)
  await expect.poll(() => posting.acknowledged.filter((number) => idsOf(number).length === 0), { timeout: 30_000 }).toEqual([])
  const repeated = posting.acknowledged.flatMap((number) => {
    expect(new Set(idsOf(number)).size, `number ${number} was told under different IDs`).toBe(1)
    return idsOf(number).slice(1)
  })
  // Handing over on purpose leaves nothing open: two times two hard ends are left.
  expect(repeated.length).toBeLessThanOrEqual(4 * concurrency)
  const { cluster: view } = (await (await fetch(`${servers[0]!.url}/api/v2/status`)).json()) as {
    cluster: { status: string; peers: unknown[] }
  }
  expect(view).toMatchObject({ status: 'ready', peers: [{ name: 'a' }, { name: 'b' }] })
}, 120_000)
