import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { silentLog } from '../lib/log.ts'
import type { DockerInspection } from './docker/docker-engine.ts'
import { FakeDockerEngine } from './docker/fake-engine.ts'
import { cgroupV1, machineFiles, makeMachineFolder, processFiles } from './fixtures/machine-tree.ts'
import type { MachineFolder, Tree } from './fixtures/machine-tree.ts'
import { LocalSource } from './local-source.ts'
import type { Source } from './source.ts'
import { column } from './metrics.ts'
import { parseExposition } from './prometheus/strict-parser.ts'
import { PrometheusPages } from './prometheus/pages.ts'
import { renderResourceMetrics } from './prometheus/resource-metrics.ts'
import type { NodeCgroup } from './source.ts'
import { StatsStore } from './stats-store.ts'

const stops: (() => Promise<void>)[] = []
let folder: MachineFolder | undefined
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  folder?.dispose()
})

const idOf = (letter: string) => letter.repeat(64)
const pathOf = (letter: string) => `/docker/${idOf(letter)}`

/** Files of a container whose id is one letter over and over. */
function containerTree(letter: string, pid: number): Tree {
  const path = pathOf(letter)
  return { ...cgroupV1(path), ...processFiles(pid, [`4:memory:${path}`, `2:cpu:${path}`]) }
}

function podContainer(letter: string, pid: number, container: string, changes: Partial<DockerInspection> = {}): DockerInspection {
  return {
    id: idOf(letter),
    name: `k8s_${container}_web_shop_u1_0`,
    image: 'shop/web:1',
    labels: {
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'u1',
      'io.kubernetes.container.name': container,
      'io.kubernetes.docker.type': container === 'POD' ? 'podsandbox' : 'container',
      'binnacle.node': 'n1',
    },
    isRunning: true,
    pid,
    createdMs: 1_000,
    startedMs: 2_000,
    networkMode: container === 'POD' ? 'pods' : `container:${idOf('a')}`,
    cgroupParent: '',
    health: undefined,
    layerPath: undefined,
    logPath: undefined,
    ...changes,
  }
}

async function setUp(
  files: Tree,
  {
    nodeFilter,
    nodeCgroup,
    engine = new FakeDockerEngine(),
  }: { nodeFilter?: string; nodeCgroup?: NodeCgroup; engine?: FakeDockerEngine } = {},
) {
  const made = makeMachineFolder({ ...machineFiles, ...cgroupV1('/'), ...files })
  folder = made
  const clock = new FakeClock()
  const source = new LocalSource({
    ...made,
    clock,
    log: silentLog,
    store: new StatsStore({ capacity: 60, maxBytes: 1e8 }),
    nodeName: 'n1',
    intervalMs: 1000,
    owner: { node: nodeFilter },
    engine,
    nodeCgroup,
    agentPid: undefined,
  })
  const start = async () => {
    const abort = new AbortController()
    const running = source.run(abort.signal)
    stops.push(async () => {
      abort.abort()
      await running
    })
    // The first passes wait for the file systems to be sized, which takes real time.
    while (source.imageFileSystem() === undefined) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(1500)
  }
  return { clock, source, engine, made, start }
}

function podFiles(): { files: Tree; engine: FakeDockerEngine } {
  const engine = new FakeDockerEngine()
  engine.run(podContainer('a', 101, 'POD'))
  engine.run(podContainer('b', 102, 'app'))
  engine.run(podContainer('c', 103, 'side'))
  return { files: { ...containerTree('a', 101), ...containerTree('b', 102), ...containerTree('c', 103) }, engine }
}

test('a pod is the sum of its containers and its sandbox, with the network of the sandbox once', async () => {
  const { files, engine } = podFiles()
  const { source, start } = await setUp(files, { engine })
  await start()
  const { node, pods } = source.summary()
  expect(pods).toHaveLength(1)
  const [pod] = pods
  expect(pod).toMatchObject({
    podRef: { name: 'web', namespace: 'shop', uid: 'u1' },
    memory: { workingSetBytes: 3 * (44457984 - 348160) },
    cpu: { usageCoreNanoSeconds: 3 * 1247877032 },
    network: { name: 'eth0', rxBytes: 516, txBytes: 520, interfaces: [{ name: 'eth0' }] },
    process_stats: { process_count: 6 },
  })
  expect(pod?.containers.map(({ name }) => name).toSorted()).toEqual(['app', 'side'])
  expect(pod?.containers[0]).toMatchObject({
    memory: { oomKills: 3, availableBytes: 100663296 - (44457984 - 348160), pageFaults: 1500 },
    cpu: { throttling: { periods: 41, throttledPeriods: 40, throttledNanoSeconds: 2767799607 } },
  })
  expect(node).toMatchObject({ nodeName: 'n1', network: { name: 'eth0', rxBytes: 661493423 }, rlimit: { maxpid: 32768, curproc: 124 } })
  expect(node.systemContainers?.find(({ name }) => name === 'pods')?.memory?.workingSetBytes).toBe(pod?.memory?.workingSetBytes)
})

test('pods of another node on the same engine are left out everywhere, plain containers are not', async () => {
  const { files, engine } = podFiles()
  engine.run(podContainer('d', 104, 'app', { labels: { ...podContainer('d', 104, 'app').labels, 'binnacle.node': 'n2' } }))
  engine.run({ ...podContainer('e', 105, 'x'), name: 'postgres', labels: {} })
  const { source, start } = await setUp({ ...files, ...containerTree('d', 104), ...containerTree('e', 105) }, { nodeFilter: 'n1', engine })
  await start()
  const names = [...source.store.all()].map(({ description }) => description.name)
  expect(names).not.toContain(pathOf('d'))
  expect(names).toContain(pathOf('e'))
  expect(source.store.get(pathOf('e'))?.description.pod).toBeUndefined()
})

test('a node that shares its machine is its own control group, read in every pass, and nothing before that exists', async () => {
  const nodeCgroup = { paths: ['/binnacle/c1/n1', '/binnacle.slice/n1'], memoryBytes: 100e6 }
  const { source, start, clock, made } = await setUp({}, { nodeCgroup })
  await start()
  expect(source.summary().node).toMatchObject({
    cpu: { usageCoreNanoSeconds: 0, usageNanoCores: 0 },
    memory: { workingSetBytes: 0, availableBytes: 100e6 },
    network: { rxBytes: 0 },
  })
  made.write(cgroupV1('/binnacle/c1/n1'))
  await clock.advance(60_000)
  const { ring } = source.store.get('/binnacle/c1/n1')!
  for (let pass = 0; pass < 3; pass++) {
    const before = ring.timestamp()
    await clock.advance(1_000)
    expect(ring.timestamp()).toBe(before + 1_000)
  }
  made.write({ 'cgroup/cpuacct/binnacle/c1/n1/cpuacct.usage_percpu': '2223195848 24681184 \n' })
  await clock.advance(1_000)
  expect(source.summary().node).toMatchObject({
    cpu: { usageCoreNanoSeconds: 2247877032, usageNanoCores: 1e9 },
    memory: { workingSetBytes: 44457984 - 348160, availableBytes: 100e6 - (44457984 - 348160) },
  })
})

test('a node that shares its machine has the traffic of its pods', async () => {
  const { files, engine } = podFiles()
  const { source, start } = await setUp(files, { engine, nodeCgroup: { paths: ['/n1'], memoryBytes: 1e9 } })
  await start()
  expect(source.summary().node.network).toMatchObject({ name: 'eth0', rxBytes: 516, txBytes: 520 })
})

test('without Docker containers still have figures, and names as soon as it is there', async () => {
  const { files, engine } = podFiles()
  engine.leave()
  const { source, start, clock } = await setUp(files, { engine })
  await start()
  await clock.advance(60_000)
  expect(source.summary().pods).toEqual([])
  expect(source.summary().node.cpu?.usageCoreNanoSeconds).toBe(1247877032)
  expect(source.store.get(pathOf('b'))?.description).toMatchObject({ id: 'b'.repeat(64), aliases: [idOf('b')] })
  expect(source.findings().find(({ subject }) => subject === 'docker')?.level).toBe('problem')
  engine.comeBack()
  await clock.advance(60_000)
  expect(source.summary().pods[0]?.containers).toHaveLength(2)
})

test('a container that ends is gone from every output', async () => {
  const { files, engine } = podFiles()
  const { source, start, clock, made } = await setUp(files, { engine })
  await start()
  engine.die(idOf('c'))
  for (const controller of ['memory', 'cpu', 'cpuacct', 'blkio', 'pids', 'cpuset']) made.remove(`cgroup/${controller}${pathOf('c')}`)
  await clock.advance(1000)
  expect(source.summary().pods[0]?.containers.map(({ name }) => name)).toEqual(['app'])
  const page = pagesOf(source).cadvisor().toString()
  expect(page).not.toContain(idOf('c'))
})

test('plain cgroups come and go with the sweeps', async () => {
  const { source, start, clock, made } = await setUp(cgroupV1('/system.slice/ssh.service'))
  await start()
  expect(source.store.get('/system.slice/ssh.service')?.ring.count).toBe(1)
  made.remove('cgroup/memory/system.slice/ssh.service')
  await clock.advance(60_000)
  expect(source.store.get('/system.slice/ssh.service')).toBeUndefined()
})

test('a plain cgroup in which nothing runs is on the kubelet’s page alone', async () => {
  const { source, start } = await setUp(cgroupV1('/system.slice/ssh.service'))
  await start()
  const { ring } = source.store.get('/system.slice/ssh.service')!
  const isShown = (page: Buffer) => page.includes('id="/system.slice/ssh.service"')
  const pages = pagesOf(source)
  expect(isShown(pages.own({ format: 'text', withTimestamps: false }))).toBe(true)
  ring.set(column.processes, 0)
  expect(isShown(pages.own({ format: 'text', withTimestamps: false }))).toBe(false)
  expect(isShown(pages.cadvisor())).toBe(true)
})

function pagesOf(source: Source): PrometheusPages {
  return new PrometheusPages({ source, version: '1', processFigures: () => ({ cpuSeconds: 1, residentBytes: 2 }) })
}

test('all outputs have the same figures for the same sample, in valid exposition format', async () => {
  const { files, engine } = podFiles()
  const { source, start } = await setUp(files, { engine })
  await start()
  const cadvisor = parseExposition(pagesOf(source).cadvisor())
  const own = parseExposition(pagesOf(source).own({ format: 'text', withTimestamps: false }))
  const resource = parseExposition(renderResourceMetrics(source.summary()))
  const container = source.summary().pods[0]?.containers.find(({ name }) => name === 'app')
  const find = (samples: typeof own, name: string) => samples.find((sample) => sample.name === name && sample.labels['container'] === 'app')
  expect(find(cadvisor, 'container_memory_working_set_bytes')).toMatchObject({
    value: container?.memory?.workingSetBytes,
    timestampMs: Date.parse(container?.memory?.time ?? ''),
    labels: { pod: 'web', namespace: 'shop', image: 'shop/web:1', id: pathOf('b') },
  })
  expect(find(own, 'container_memory_working_set_bytes')?.timestampMs).toBeUndefined()
  expect(find(resource, 'container_memory_working_set_bytes')?.value).toBe(container?.memory?.workingSetBytes)
  expect(find(cadvisor, 'container_cpu_usage_seconds_total')?.value).toBeCloseTo(
    find(resource, 'container_cpu_usage_seconds_total')!.value,
    9,
  )
  expect(own.find(({ name }) => name === 'binnacle_collector_docker_connected')?.value).toBe(1)
  expect(own.find(({ name }) => name === 'machine_memory_bytes')?.value).toBe(24684092 * 1024)
})
