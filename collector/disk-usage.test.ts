import { linkSync, statSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { DiskUsage } from './disk-usage.ts'
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
