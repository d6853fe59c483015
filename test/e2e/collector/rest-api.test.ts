import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Collector } from '../../../collector/app.ts'
import { systemClock } from '../../../lib/clock.ts'
import { DockerHost, eventually } from './docker-host.ts'

const host = new DockerHost()
beforeAll(() => host.prepare())
afterEach(() => host.dispose())
afterAll(() => host.removeImage())

/** Keys and types of cAdvisor v0.60.5's answers on a machine with cgroup v1 trees, by path; `ID` is a Docker container with limits. */
const recorded = JSON.parse(readFileSync(new URL('cadvisor-shapes.json', import.meta.url), 'utf8')) as Record<string, readonly string[]>

/** Every key of an answer with its type; what is keyed by containers or devices is `*`. */
function shapeOf(value: unknown, path = '', found = new Set<string>()): Set<string> {
  if (value === null) found.add(`${path} null`)
  else if (Array.isArray(value)) {
    found.add(`${path} array`)
    for (const item of value) shapeOf(item, `${path}[]`, found)
  } else if (typeof value === 'object') {
    found.add(`${path} object`)
    for (const [key, item] of Object.entries(value)) shapeOf(item, `${path}.${/^\/|^\d+:\d+$/.test(key) ? '*' : key}`, found)
  } else found.add(`${path} ${typeof value}`)
  return found
}

/** An answer; `undefined` where there is an error instead. */
async function look<T>(collector: Collector, path: string): Promise<T | undefined> {
  const response = await fetch(collector.address + path)
  return response.ok ? ((await response.json()) as T) : undefined
}

async function json<T>(collector: Collector, path: string): Promise<T> {
  const answer = await look<T>(collector, path)
  if (answer === undefined) throw new Error(`${path} answers an error`)
  return answer
}

async function nextOf(reader: ReadableStreamDefaultReader<string>): Promise<string> {
  const { value, done } = await reader.read()
  if (done) throw new Error('the stream has ended')
  return value
}

interface Event {
  readonly event_type: string
  readonly event_data: Record<string, Record<string, unknown>>
}

test('every key of cAdvisor’s answers is in ours, with the same type', { timeout: 90_000 }, async () => {
  const labels = { note: 'x' }
  const { id } = await host.run('shapes', 'while true; do sleep 0.1; done', {
    Labels: labels,
    HostConfig: { Memory: 64 * 1024 * 1024, CpuQuota: 20_000, CpuPeriod: 100_000 },
  })
  const collector = await host.collect()
  await eventually('a measured layer', async () => {
    const stats = await look<Record<string, { stats: { filesystem?: unknown }[] }>>(collector, `/api/v1.3/docker/${id}`)
    const { stats: samples = [] } = Object.values(stats ?? {})[0] ?? {}
    return samples.length > 2 && samples.at(-1)?.filesystem !== undefined ? true : undefined
  })
  for (const [path, keys] of Object.entries(recorded)) {
    const ours = shapeOf(await json(collector, path.replace('ID', id)))
    const missing = keys.filter((key) => !ours.has(key))
    expect({ path, missing }).toEqual({ path, missing: [] })
  }
})

test('a container’s end by want of memory is told with victim and exit code, as it happens', { timeout: 60_000 }, async () => {
  const collector = await host.collect()
  await eventually(
    'Docker',
    async () => (await json<{ docker_version: string }>(collector, '/api/v2.0/attributes')).docker_version || undefined,
  )
  const abort = new AbortController()
  const path = '/api/v1.3/events/?stream=true&all_events=true&subcontainers=true'
  const response = await fetch(collector.address + path, { headers: { accept: 'application/x-ndjson' }, signal: abort.signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const { id } = await host.run('oom', 'sleep 0.5; x=$(cat /dev/zero | tr "\\0" "a")', {
    HostConfig: { Memory: 16 * 1024 * 1024, MemorySwap: 16 * 1024 * 1024 },
  })
  let text = ''
  const types = () =>
    text
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.includes(id))
      .map((line) => JSON.parse(line) as Event)
  while (
    !types().some(({ event_type: type }) => type === 'containerDeletion') ||
    !types().some(({ event_type: type }) => type === 'oomKill')
  )
    text += await nextOf(reader)
  abort.abort()
  const told = new Map(types().map(({ event_type: type, event_data: data }) => [type, data]))
  expect([...told.keys()]).toEqual(expect.arrayContaining(['containerCreation', 'start', 'oom', 'exit', 'containerDeletion', 'oomKill']))
  expect(told.get('oomKill')?.['oom']).toMatchObject({ process_name: expect.stringMatching(/./), constraint: 'CONSTRAINT_MEMCG' })
  expect(typeof told.get('exit')?.['exit']?.['exit_code']).toBe('number')
})

test('a changed limit and a restart are told', { timeout: 60_000 }, async () => {
  const container = await host.run('changes', 'sleep 1000', { HostConfig: { Memory: 64 * 1024 * 1024 } })
  const collector = await host.collect()
  const events = async (type: string) => {
    const all = await json<Event[]>(collector, `/api/v1.3/events/?subcontainers=true&types=${type}&max_events=-1`)
    return all.filter((event) => JSON.stringify(event).includes(container.id))
  }
  await eventually('the container', async () => ((await events('containerCreation')).length > 0 ? true : undefined))
  await systemClock.sleep(9000)
  await container.update({ Memory: 96 * 1024 * 1024, MemorySwap: 192 * 1024 * 1024 })
  const [change] = await eventually('the changed limit', async () => {
    const found = (await events('limitChange')).filter(({ event_data: data }) => data['limit_change']?.['field'] === 'memory.limit')
    return found.length > 0 ? found : undefined
  })
  expect(change!.event_data['limit_change']).toEqual({ field: 'memory.limit', from: 64 * 1024 * 1024, to: 96 * 1024 * 1024 })
  await container.restart({ t: 0 })
  const [restart] = await eventually('the restart', async () => {
    const found = await events('restart')
    return found.length > 0 ? found : undefined
  })
  expect(restart!.event_data['restart']).toEqual({ count: 1, last_exit_code: 137 })
})

test('processes are those that the container has, and a request can force newer samples', { timeout: 60_000 }, async () => {
  const container = await host.run('ps', 'sleep 1000 & sleep 2000')
  const collector = await host.collect({ intervalMs: 5000, historyMs: 60_000 })
  await eventually('the container', async () =>
    (await fetch(`${collector.address}/api/v2.0/ps/${container.id}?type=docker`)).status === 200 ? true : undefined,
  )
  const processes = await json<{ cmd: string; pid: number; user: string }[]>(collector, `/api/v2.0/ps/${container.id}?type=docker`)
  const top = (await container.top()) as { Processes: string[][]; Titles: string[] }
  const column = top.Titles.indexOf('PID')
  expect(new Set(processes.map(({ pid }) => pid))).toEqual(new Set(top.Processes.map((line) => Number(line[column]))))
  expect(processes.map(({ cmd }) => cmd)).toEqual(['sleep', 'sleep'])
  const newest = async (query: string) => {
    const stats = await json<{ timestamp: string }[]>(collector, `/api/v2.1/machinestats?count=1${query}`)
    return Date.now() - Date.parse(stats[0]!.timestamp)
  }
  await eventually('samples that grow old', async () => ((await newest('')) > 1500 ? true : undefined))
  expect(await newest('&max_age=200ms')).toBeLessThan(1000)
})
