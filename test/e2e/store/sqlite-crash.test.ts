import { fork } from 'node:child_process'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { openSqliteStore } from '../../../orchestrator/store/sqlite.ts'
import { contentOf } from './sqlite-crash-process.ts'

const kills = 50
/** How long the writers run before each kill; a prime step, so the kills fall into every phase of a commit. */
const runMs = (round: number) => 20 + ((round * 37) % 120)

/** Starts 64 writers in a process of their own, kills it in the middle of their work and answers what they were told is durable. */
async function writeAndKill(folder: string, round: number): Promise<Map<string, number>> {
  const acknowledgements = await open(join(folder, 'acknowledged.txt'), 'w+')
  // A file takes every line at once, whatever this process is busy with; what is written outlives the writer.
  const child = fork(new URL('./sqlite-crash-process.ts', import.meta.url), [folder, String(round)], {
    stdio: ['ignore', acknowledgements.fd, 'inherit', 'ipc'],
  })
  await new Promise((resolve) => child.once('message', resolve))
  await systemClock.sleep(runMs(round))
  const closed = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await closed
  const text = await readFile(join(folder, 'acknowledged.txt'), 'utf8')
  await acknowledgements.close()
  // The last line may be cut off by the kill; a line counts with its line feed.
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
  return new Map(lines.map((line) => line.split(' ')).map(([key, sequence]) => [key!, Number(sequence)]))
}

test('every acknowledged write is there byte for byte after 50 kills in the middle of writes', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'store-crash-'))
  const acknowledged = new Map<string, number>()
  let writes = 0
  try {
    for (let round = 0; round < kills; round++) {
      for (const [key, sequence] of await writeAndKill(folder, round)) {
        acknowledged.set(key, sequence)
        writes++
      }
      const store = await openSqliteStore({ folder, clock: new FakeClock() })
      for (const [key, sequence] of acknowledged) {
        const entry = store.get(key)
        const stored = entry?.object as ReturnType<typeof contentOf> | undefined
        // The newest one may have become durable without its acknowledgement coming through.
        expect(stored?.sequence, key).toBeGreaterThanOrEqual(sequence)
        const expected = contentOf(key, stored!.sequence)
        expect(entry!.bytes.toString()).toBe(JSON.stringify({ ...expected, metadata: { resourceVersion: String(entry!.revision) } }))
        expect(store.revision).toBeGreaterThanOrEqual(entry!.revision)
      }
      await store.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  expect(writes).toBeGreaterThan(1000)
})
