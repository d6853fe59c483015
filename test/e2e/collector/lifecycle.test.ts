import { readdirSync, readlinkSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Collector } from '../../../collector/app.ts'
import { parseExposition } from '../../../collector/prometheus/strict-parser.ts'
import type { ContainerStats, PodStats } from '../../../collector/summary.ts'
import { systemClock } from '../../../lib/clock.ts'
import { DockerHost, DockerProxy, eventually } from './docker-host.ts'

const host = new DockerHost()
beforeAll(() => host.prepare())
afterEach(() => host.dispose())
afterAll(() => host.removeImage())

const podLabels = (container: string, changes: Record<string, string> = {}) => ({
  'io.kubernetes.pod.name': 'web',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.uid': `uid-${process.pid}`,
  'io.kubernetes.container.name': container,
  'io.kubernetes.docker.type': container === 'POD' ? 'podsandbox' : 'container',
  'binnacle.node': 'n1',
  ...changes,
})

async function podOf(collector: Collector, name = 'web'): Promise<PodStats | undefined> {
  return (await collector.summary()).pods.find(({ podRef }) => podRef.name === name)
}

async function containerOf(collector: Collector, name: string): Promise<ContainerStats | undefined> {
  return (await podOf(collector))?.containers.find((container) => container.name === name)
}

/** Files of cgroups and processes that this process holds open. */
function openFiles(text: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`)
      return target.includes(text) ? [target] : []
    } catch {
      return []
    }
  })
}

test('a container that ends lets every descriptor go, that of its network too', { timeout: 60_000 }, async () => {
  const container = await host.run('short', 'sleep 1000')
  const { State: state } = await container.inspect()
  const collector = await host.collect()
  await eventually('the container’s network', () => (openFiles(`/proc/${state.Pid}/`).length > 0 ? true : undefined))
  expect(openFiles(container.id).length).toBeGreaterThan(10)
  await container.kill()
  await eventually('closed files', () =>
    openFiles(container.id).length === 0 && openFiles(`/proc/${state.Pid}/`).length === 0 ? true : undefined,
  )
  expect(await collector.metricsCadvisor()).not.toContain(container.id)
})

test('pods are put together from labels, and other nodes’ pods are left out', { timeout: 60_000 }, async () => {
  const sandbox = await host.run('sandbox', 'sleep 1000', { Labels: podLabels('POD') })
  await host.run('app', 'sleep 1000', { Labels: podLabels('app'), HostConfig: { NetworkMode: `container:${sandbox.id}` } })
  await host.run('foreign', 'sleep 1000', {
    Labels: podLabels('app', { 'io.kubernetes.pod.uid': 'u2', 'io.kubernetes.pod.name': 'other', 'binnacle.node': 'n2' }),
  })
  const collector = await host.collect({ nodeFilter: 'n1' })
  const pod = await eventually('the pod', async () => {
    const found = await podOf(collector)
    return found?.containers.length === 1 && found.network !== undefined ? found : undefined
  })
  expect(pod.containers[0]).toMatchObject({ name: 'app' })
  expect(pod.process_stats?.process_count).toBe(2)
  expect(await podOf(collector, 'other')).toBeUndefined()
})

test('hostile labels and names break neither metrics nor JSON nor pages', { timeout: 60_000 }, async () => {
  const evil = 'a"b\\c\nd,e="f"} 1\n# TYPE x counter\nx 1 \u2028 <script>alert(1)</script>'
  const container = await host.run('evil', 'sleep 1000', { Labels: podLabels(evil, { [evil]: evil, 'io.kubernetes.pod.namespace': evil }) })
  const collector = await host.collect()
  const found = await eventually('the container', async () => {
    const samples = parseExposition(await (await fetch(`${collector.address}/metrics`)).text())
    return samples.find(({ name, labels }) => name === 'container_memory_usage_bytes' && labels['id']?.endsWith(container.id))
  })
  expect(found.labels).toMatchObject({ container: evil, namespace: evil })
  expect(parseExposition(await collector.metricsResource()).some(({ labels }) => labels['container'] === evil)).toBe(true)
  expect(await (await fetch(`${collector.address}/api/v1.3/docker/${container.id}`)).json()).toBeTypeOf('object')
  expect(await (await fetch(collector.address)).text()).not.toContain('<script>')
})

test('OOM kills are counted, and go on counting when the container is made anew', { timeout: 60_000 }, async () => {
  const collector = await host.collect()
  // The shell survives; what it starts asks for more than the limit.
  const script = 'busybox tail /dev/zero; sleep 1000'
  const options = { Labels: podLabels('hog'), HostConfig: { Memory: 16 * 1024 * 1024, MemorySwap: 16 * 1024 * 1024 } }
  const first = await host.run('hog-1', script, options)
  const kills = (count: number) =>
    eventually(`${count} OOM kills`, async () => ((await containerOf(collector, 'hog'))?.memory?.oomKills === count ? true : undefined))
  expect(await kills(1)).toBe(true)
  await first.remove({ force: true })
  await host.run('hog-2', script, options)
  expect(await kills(2)).toBe(true)
})

test('while Docker is away figures go on, and after it is back everything is right again', { timeout: 60_000 }, async () => {
  const proxy = new DockerProxy()
  await proxy.open()
  try {
    const old = await host.run('old', 'sleep 1000', { Labels: podLabels('old') })
    const collector = await host.collect({ docker: { socket: proxy.path } })
    await eventually('the first container', () => containerOf(collector, 'old'))
    await proxy.cut()
    const connected = async () =>
      parseExposition(await (await fetch(`${collector.address}/metrics`)).text()).find(
        ({ name }) => name === 'binnacle_collector_docker_connected',
      )?.value
    await eventually('the state of Docker', async () => ((await connected()) === 0 ? true : undefined))
    const before = (await containerOf(collector, 'old'))!.memory!.time
    await systemClock.sleep(2_500)
    expect(Date.parse((await containerOf(collector, 'old'))!.memory!.time)).toBeGreaterThan(Date.parse(before))
    expect(await (await fetch(`${collector.address}/validate/`)).text()).toContain('[problem] docker')
    await host.run('new', 'sleep 1000', { Labels: podLabels('new') })
    await old.kill()
    await proxy.open()
    await eventually('the second container', () => containerOf(collector, 'new'), 30_000)
    expect(await containerOf(collector, 'old')).toBeUndefined()
    expect(await connected()).toBe(1)
  } finally {
    await proxy.dispose()
  }
})

test('writable layers and logs are measured, with the time of the measurement', { timeout: 60_000 }, async () => {
  await host.run('writer', 'dd if=/dev/zero of=/tmp/a bs=1M count=7; echo a line for the log; sleep 1000', { Labels: podLabels('writer') })
  const collector = await host.collect()
  const { rootfs, logs } = await eventually('disk use', async () => {
    const container = await containerOf(collector, 'writer')
    return container?.rootfs === undefined || container.logs === undefined ? undefined : container
  })
  expect(rootfs?.usedBytes).toBeGreaterThanOrEqual(7 * 1024 * 1024)
  expect(rootfs?.usedBytes).toBeLessThan(9 * 1024 * 1024)
  expect(logs?.usedBytes).toBeGreaterThan(0)
  expect(systemClock.now() - Date.parse(rootfs!.time)).toBeLessThan(30_000)
})
