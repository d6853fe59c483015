import { readFileSync } from 'node:fs'
import { execute, eventually, startCluster, type TestCluster } from '../../test/support/cluster.ts'
import type { Measurement } from '../measurement.ts'

const pods = 10
const idleSeconds = 60
const ticksPerSecond = 100

/** From the command to a Ready node, then what ten idle pods cost: CPU and memory of each process over a minute. */
export async function measureStartAndIdle(): Promise<Measurement[]> {
  const simulated = await timeToReady(['--runtime=simulated', '--influxdb=none'], 92)
  await simulated.cluster.remove()
  const docker = await timeToReady(['--runtime=docker'], 94)
  try {
    return [
      { what: 'start → Ready node, simulated', value: `${simulated.seconds.toFixed(1)} s`, aim: '≤ 3 s' },
      { what: 'start → Ready node, Docker', value: `${docker.seconds.toFixed(1)} s`, aim: '≤ 5 s' },
      ...(await idleCost(docker.cluster)),
    ]
  } finally {
    await docker.cluster.remove()
  }
}

async function timeToReady(flags: readonly string[], network: number): Promise<{ cluster: TestCluster; seconds: number }> {
  const startedAt = performance.now()
  const cluster = await startCluster(flags, network)
  await eventually('a Ready node', async () => (/ Ready /.test((await cluster.kubectl('get', 'nodes')).stdout) ? true : undefined))
  return { cluster, seconds: (performance.now() - startedAt) / 1000 }
}

async function idleCost(cluster: TestCluster): Promise<Measurement[]> {
  const controller = {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'idle' },
    spec: {
      replicas: pods,
      template: {
        metadata: { labels: { app: 'idle' } },
        spec: { containers: [{ name: 'idle', image: 'jonbaier/pod-scaling:0.1', command: ['sleep', '1000000'] }] },
      },
    },
  }
  await cluster.kubectlWith(JSON.stringify(controller), 'create', '-f', '-')
  await eventually('ten pods', async () =>
    (await cluster.kubectl('get', 'rc', 'idle', '-o', 'jsonpath={.status.readyReplicas}')).stdout === String(pods) ? true : undefined,
  )
  await execute('sleep', ['10'])
  const processes = Object.entries(cluster.pids()).filter(([name]) => name !== 'influxd' && name !== 'dockerd')
  const before = processes.map(([, pid]) => cpuTicks(pid))
  await execute('sleep', [String(idleSeconds)])
  const rows = processes.map(([name, pid], index) => ({
    name,
    share: (cpuTicks(pid) - before[index]!) / ticksPerSecond / idleSeconds,
    ...residentMb(pid),
  }))
  const each = (format: (row: (typeof rows)[number]) => string) => rows.map((row) => `${row.name} ${format(row)}`).join(', ')
  const sum = (pick: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + pick(row), 0)
  return [
    {
      what: `idle CPU, ${pods} pods, 1 s housekeeping`,
      value: `${(100 * sum(({ share }) => share)).toFixed(1)} % of a core (${each(({ share }) => `${(100 * share).toFixed(1)} %`)})`,
      aim: '≤ 3 %',
    },
    {
      what: `memory, ${pods} pods, without influxd`,
      // What the processes have in common, the program itself above all, is in each one's resident memory, and once in the shares.
      value: `${sum(({ rssMb }) => rssMb).toFixed(0)} MB resident (${each(({ rssMb }) => rssMb.toFixed(0))}), shares ${sum(({ pssMb }) => pssMb).toFixed(0)} MB`,
      aim: '≤ 350 MB, server ≤ 130 MB',
    },
  ]
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Resident memory, and the proportional share of it: pages of several processes are divided among them. */
function residentMb(pid: number): { readonly rssMb: number; readonly pssMb: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const of = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024) / 1e6
  return { rssMb: of('Rss'), pssMb: of('Pss') }
}
