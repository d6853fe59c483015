import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { giveMemoryBackWhenIdle } from './idle-memory.ts'

function watch(heap: { busy: number; bytes: number }) {
  const clock = new FakeClock()
  const times: number[] = []
  giveMemoryBackWhenIdle(clock, {
    get bytes() {
      return heap.bytes
    },
    busyShare: () => heap.busy,
    giveBack: () => times.push(clock.monotonic() / 1000),
  })
  return { clock, times }
}

test('memory is given back after the start, and then ever more seldom', async () => {
  const { clock, times } = watch({ busy: 0.01, bytes: 20e6 })
  for (let minute = 0; minute < 60; minute++) await clock.advance(60_000)
  const gaps = times.map((time, index) => time - (times[index - 1] ?? 0))
  expect(gaps).toEqual([15, 30, 60, 120, 240, 480, 960, 1200])
})

test('nobody waits for it: not where there is something to do, not where the heap is large', async () => {
  const heap = { busy: 0.5, bytes: 20e6 }
  const { clock, times } = watch(heap)
  await clock.advance(15_000)
  Object.assign(heap, { busy: 0.01, bytes: 500e6 })
  await clock.advance(15_000)
  expect(times).toEqual([])
  heap.bytes = 20e6
  await clock.advance(15_000)
  expect(times).toEqual([45])
})

test('a process that may ask for it is smaller after it', () => {
  const script = `
    import { FakeClock } from ${JSON.stringify(fileURLToPath(new URL('fake-clock.ts', import.meta.url)))}
    import { giveMemoryBackWhenIdle } from ${JSON.stringify(fileURLToPath(new URL('idle-memory.ts', import.meta.url)))}
    const clock = new FakeClock()
    giveMemoryBackWhenIdle(clock)
    let garbage = Array.from({ length: 300_000 }, (_, index) => ({ index }))
    garbage = undefined
    const before = process.memoryUsage.rss()
    for (let look = 0; look < 5; look++) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      await clock.advance(15_000)
    }
    console.log((before - process.memoryUsage.rss()) / 1e6)`
  const run = (...flags: readonly string[]) =>
    Number(execFileSync(process.execPath, [...flags, '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script]))
  expect(run('--expose-gc')).toBeGreaterThan(5)
  expect(run()).toBeLessThan(1)
})
