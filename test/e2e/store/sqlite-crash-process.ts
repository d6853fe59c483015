/** The victim of the crash test: 64 writers that never stop, each printing what it was told is durable. */
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../../lib/clock.ts'
import { openSqliteStore } from '../../../orchestrator/store/sqlite.ts'
import type { Store } from '../../../orchestrator/store/store.ts'

const writers = 64
const keysPerWriter = 8

/** What is stored as the `sequence`-th version of `key`: can be told again from the two, so every byte can be checked. */
export function contentOf(key: string, sequence: number) {
  return { key, sequence, filler: `${key}:${sequence};`.repeat(40 + (sequence % 60)), metadata: {} }
}

async function write(store: Store, writer: number, round: number): Promise<never> {
  for (let index = 0; ; index++) {
    const key = `writer/${writer}/${index % keysPerWriter}`
    const sequence = round * 1_000_000 + index
    await store.put(key, contentOf(key, sequence), store.get(key)?.revision ?? 0)
    // Straight to the file, so that nothing acknowledged waits in a buffer of this process.
    writeSync(1, `${key} ${sequence}\n`)
  }
}

async function main(folder: string, round: number): Promise<void> {
  const store = await openSqliteStore({ folder, clock: systemClock })
  process.send?.('started')
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(store, writer, round)))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv[2]!, Number(process.argv[3]))
