import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { findProgram } from '../../cli/setup/packages.ts'
import { begin, clusterArguments, end, eventually, execute, startCluster, type TestCluster } from '../support/cluster.ts'

/** What may go wrong with a machine, and what is left of a cluster afterwards. Each test has a cluster of its own. */
const image = 'jonbaier/pod-scaling:0.1'
const nobody = 65_534
let cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
  cleanups = []
})

async function start(...[flags, networkIndex, circumstances]: Parameters<typeof startCluster>): Promise<TestCluster> {
  const cluster = await startCluster(flags, networkIndex, circumstances)
  cleanups.push(() => cluster.remove())
  return cluster
}

const clusterIdOf = (dataDir: string) =>
  (JSON.parse(readFileSync(join(dataDir, 'cluster.json'), 'utf8')) as { readonly clusterId: string }).clusterId

/** Everything on the host that still belongs to a cluster, one line each. */
async function traces(clusterId: string, dataDir: string, dockerHost?: string): Promise<string[]> {
  const engine = dockerHost === undefined ? [] : ['--host', dockerHost]
  const containers = await execute('docker', [...engine, 'ps', '--all', '--quiet', '--filter', `label=binnacle.cluster=${clusterId}`])
  const tables = (await execute('nft', ['list', 'tables'])).stdout.split('\n').filter((line) => line.includes(clusterId))
  const links = (await execute('ip', ['-brief', 'link'])).stdout.split('\n').filter((line) => line.includes(clusterId))
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dataDir) || line.includes(clusterId))
  const groups = (await execute('find', ['/sys/fs/cgroup', '-maxdepth', '3', '-type', 'd', '-name', clusterId])).stdout.split('\n')
  const lines = [...containers.stdout.split('\n'), ...groups].filter(Boolean)
  return [...lines, ...tables, ...links, ...mounts, ...processesOf([dataDir, clusterId])]
}

/** Processes whose command line names one of `texts`. */
function processesOf(texts: readonly string[]): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return texts.some((text) => line.includes(text)) ? [`process ${pid}: ${line}`] : []
      } catch {
        return []
      }
    })
}

const replicas = (count: number) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'idle' },
    spec: {
      replicas: count,
      template: {
        metadata: { labels: { app: 'idle' } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'idle', image, command: ['sleep', '100000'] }] },
      },
    },
  })

async function run(cluster: TestCluster, count: number): Promise<void> {
  await cluster.kubectlWith(replicas(count), 'apply', '-f', '-')
  await eventually(`${count} pods`, async () =>
    (await cluster.kubectl('get', 'rc', 'idle', '-o', 'jsonpath={.status.readyReplicas}')).stdout === String(count) ? true : undefined,
  )
}

const containerIds = async (cluster: TestCluster) =>
  (
    await cluster.kubectl(
      'get',
      'pods',
      '-l',
      'app=idle',
      '-o',
      'jsonpath={range .items[*]}{.status.containerStatuses[0].containerID}{"\\n"}{end}',
    )
  ).stdout
    .split('\n')
    .filter(Boolean)
    .sort()

describe('a killed supervisor', () => {
  it('is followed by another that takes over the same containers, and down removes every trace', async () => {
    const cluster = await start(['--runtime=docker', '--influxdb=none', '--nodes=2'], 110)
    const clusterId = clusterIdOf(cluster.dataDir)
    await run(cluster, 4)
    const nodes = (await cluster.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}')).stdout.split(' ').sort()
    expect(nodes).toEqual(['node-a', 'node-a', 'node-a-2', 'node-a-2'])
    const before = await containerIds(cluster)
    const { supervisor } = cluster.pids()
    process.kill(supervisor!, 'SIGKILL')
    await eventually('another supervisor', async () => {
      const { supervisor: now } = cluster.pids()
      return now !== supervisor && (await cluster.binnacle('status')).code === 0 ? true : undefined
    })
    await eventually('both nodes', async () =>
      (await cluster.kubectl('get', 'nodes', '--no-headers')).stdout.match(/ Ready /g)?.length === 2 ? true : undefined,
    )
    expect(await containerIds(cluster)).toEqual(before)
    expect((await cluster.binnacle('down', '--purge')).stderr).toBe('')
    expect(await traces(clusterId, cluster.dataDir)).toEqual([])
  })

  it('leaves nothing behind where it dies together with everything else', async () => {
    const cluster = await start(['--runtime=docker', '--influxdb=none'], 112)
    const clusterId = clusterIdOf(cluster.dataDir)
    await run(cluster, 2)
    for (const pid of Object.values(cluster.pids())) process.kill(pid, 'SIGKILL')
    await cluster.binnacle('down', '--purge')
    expect(await traces(clusterId, cluster.dataDir)).toEqual([])
  })
})

describe('an engine of the cluster itself', () => {
  it('can be killed without harm to a container, and with the supervisor without a trace after down', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bnc-engine-'))
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    const dockerHost = `unix://${folder}/docker.sock`
    const cluster = await start([`--docker-host=${dockerHost}`, '--runtime=docker', '--influxdb=none'], 114)
    const clusterId = clusterIdOf(cluster.dataDir)
    expect((await execute(process.execPath, ['cli/main.ts', 'images', `--docker-host=${dockerHost}`])).code).toBe(0)
    await run(cluster, 2)
    const before = await containerIds(cluster)
    const { dockerd } = cluster.pids()
    process.kill(dockerd!, 'SIGKILL')
    await eventually('another engine', async () => (cluster.pids()['dockerd'] ?? dockerd) !== dockerd || undefined)
    await run(cluster, 3)
    expect((await containerIds(cluster)).filter((id) => before.includes(id))).toEqual(before)
    const { dockerd: second, supervisor } = cluster.pids()
    process.kill(supervisor!, 'SIGKILL')
    process.kill(second!, 'SIGKILL')
    expect((await cluster.binnacle('down', '--purge')).stderr).toBe('')
    expect(await traces(clusterId, cluster.dataDir, dockerHost)).toEqual([])
  })
})

describe('Ctrl-C while it starts', () => {
  it.each(['simulated', 'docker'])('leaves nothing behind with the %s runtime, whenever it comes', async (runtime) => {
    for (const delayMs of [40, 250, 500, 800, 1200]) {
      const dataDir = mkdtempSync(join(tmpdir(), 'bnc-early-'))
      cleanups.push(() => rmSync(dataDir, { recursive: true, force: true }))
      const { args } = await clusterArguments(dataDir, [`--runtime=${runtime}`, '--influxdb=none'], 116)
      const { child, output } = begin(args)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      await end(child, 'SIGINT')
      expect(output(), `after ${delayMs} ms`).not.toMatch(/Error|at .*\.ts/)
      const names = readdirSync(dataDir)
      expect(await traces(names.includes('cluster.json') ? clusterIdOf(dataDir) : dataDir, dataDir)).toEqual([])
    }
  })
})

describe('a machine that lacks something', () => {
  it('runs for an ordinary user, and says in one line why no container runs', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'bnc-user-'))
    chownSync(dataDir, nobody, nobody)
    const cluster = await start(['--docker-host=unix:///nonexistent/docker.sock', '--influxdb=none'], 118, {
      dataDir,
      uid: nobody,
      env: { HOME: dataDir },
    })
    expect(cluster.output()).toMatch(
      /! no Docker engine \(none answers at .*, and starting one takes root\): the simulated runtime is in use/,
    )
    expect((await cluster.kubectl('get', 'nodes', '--no-headers')).stdout).toMatch(/^node-a +Ready/)
  })

  it('keeps metrics in memory where there is no influxd to be had', async () => {
    const programs = mkdtempSync(join(tmpdir(), 'bnc-path-'))
    cleanups.push(() => rmSync(programs, { recursive: true, force: true }))
    chmodSync(programs, 0o755)
    for (const name of ['node', 'nft', 'ip']) {
      const program = findProgram(name, process.env['PATH'] ?? '')
      if (program !== undefined) symlinkSync(program, join(programs, name))
    }
    const cluster = await start(['--runtime=simulated'], 120, { env: { PATH: programs } })
    expect(cluster.output()).toMatch(/! no InfluxDB \(.*influxdb.*\): metrics are kept in the memory window only/)
    await eventually('figures', async () => ((await cluster.kubectl('top', 'nodes')).stdout.includes('node-a') ? true : undefined))
  })

  it('refuses writes that a full disk has no room for, keeps what it acknowledged, and goes on when there is room', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'bnc-full-'))
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', dataDir])
    cleanups.push(() => spawnSync('umount', ['--lazy', dataDir]))
    mkdirSync(join(dataDir, 'data'))
    const cluster = await start(['--runtime=docker', '--influxdb=none', '--log-level=debug'], 122, { dataDir: join(dataDir, 'data') })
    const before = cluster.pids()
    expect((await cluster.kubectl('create', 'configmap', 'kept', '--from-literal=a=b')).code).toBe(0)
    spawnSync('dd', ['if=/dev/zero', `of=${dataDir}/filler`, 'bs=64k'])
    const value = 'x'.repeat(100_000)
    const refused = await eventually('a refusal', async () => {
      const { code, stderr } = await cluster.kubectl('create', 'configmap', `big-${performance.now() | 0}`, `--from-literal=a=${value}`)
      return code === 0 ? undefined : stderr
    })
    expect(refused).toMatch(/no room for/)
    expect((await cluster.kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}')).stdout).toBe('b')
    // Logs and files of pods have no room either: that ends nobody.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(cluster.pids()).toEqual(before)
    rmSync(join(dataDir, 'filler'))
    await eventually('room', async () =>
      (await cluster.kubectl('create', 'configmap', 'after', '--from-literal=a=c')).code === 0 ? true : undefined,
    )
    expect((await cluster.kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}')).stdout).toBe('b')
  })
})
