import { linkSync, statSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { DiskUsage, quotaUsage } from './disk-usage.ts'
import { makeMachineFolder } from './fixtures/machine-tree.ts'
import type { MachineFolder } from './fixtures/machine-tree.ts'
import { column } from './metrics.ts'
import { StatsStore } from './stats-store.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

async function measure(maxFiles: number) {
  const made = makeMachineFolder({
    'layer/a': 'x'.repeat(10_000),
    'layer/sub/b': 'y',
    'logs/c.log': 'z',
    'logs/c.log.1': 'z',
    'logs/other': 'z',
  })
  folder = made
  linkSync(`${made.path}/layer/a`, `${made.path}/layer/sub/again`)
  const clock = new FakeClock()
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  const container = store.upsert(
    {
      name: '/a',
      id: 'a',
      aliases: [],
      namespace: '',
      labels: {},
      image: '',
      createdMs: 0,
      startedMs: 0,
      hasNetwork: false,
      layerPath: `${made.path}/layer`,
      logPath: `${made.path}/logs/c.log`,
    },
    0,
  )!
  container.ring.begin(1, 1)
  const usage = new DiskUsage({ clock, store, intervalMs: 60_000, filesPerSecond: 1000, maxFiles })
  await usage.measure(container, new AbortController().signal)
  return { container, usage, made, clock }
}

const sizeOf = (path: string) => statSync(path).blocks * 512

test('a layer is the blocks of its files, hard links once, and logs are the file with its rotated ones', async () => {
  const { container, made, clock } = await measure(100)
  const { ring } = container
  expect(ring.get(column.fsUsage)).toBe(
    ['layer/a', 'layer/sub', 'layer/sub/b'].reduce((sum, name) => sum + sizeOf(`${made.path}/${name}`), 0),
  )
  expect(ring.get(column.fsInodes)).toBe(4)
  expect(ring.get(column.logsUsage)).toBe(sizeOf(`${made.path}/logs/c.log`) + sizeOf(`${made.path}/logs/c.log.1`))
  expect(container.layerMeasuredAtMs).toBe(clock.now())
})

test('a layer with too many files has no figure rather than a wrong one', async () => {
  const { container, usage } = await measure(2)
  expect(container.ring.get(column.fsUsage)).toBeNaN()
  expect(usage.counters.tooLarge).toBe(1)
})

test('a layer rests ten times as long as its walk took, a quick one for the interval', async () => {
  const { usage, clock, container } = await measure(100)
  const abort = new AbortController()
  const running = usage.run(abort.signal)
  await clock.advance(59_000)
  expect([usage.counters.walks, container.layerMethod]).toEqual([1, 'walk'])
  await clock.advance(10_000)
  await vi.waitFor(() => expect(usage.counters.walks).toBe(2))
  abort.abort()
  await running
})

test('a layer that is not ours to read is told', async () => {
  const { usage, container, made } = await measure(100)
  made.remove('layer')
  await usage.measure(container, new AbortController().signal)
  expect(container.ring.get(column.fsUsage)).toBeNaN()
  expect(usage.problem).toEqual({ path: `${made.path}/layer`, errno: 'ENOENT' })
})

test('a quota is seen by the size that it gives its folder', () => {
  const all = { type: 0x58465342, bsize: 4096, blocks: 1_000_000, bfree: 400_000, files: 5000, ffree: 4000 }
  expect(quotaUsage(all, all)).toBeUndefined()
  expect(quotaUsage({ ...all, blocks: 2560, bfree: 2000 }, all)).toEqual({ bytes: 560 * 4096, files: Number.NaN })
  expect(quotaUsage({ ...all, blocks: 2560, bfree: 2000, files: 100, ffree: 40 }, all)).toEqual({ bytes: 560 * 4096, files: 60 })
  expect(quotaUsage({ ...all, type: 0xef53, blocks: 1 }, all)).toBeUndefined()
})
