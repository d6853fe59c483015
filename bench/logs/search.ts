import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogBatch, LogOrigin } from '../../collector/logs/log-batch.ts'
import { parseLogQuery, type LogParameters } from '../../collector/logs/store/log-query.ts'
import { createLogStore, type LogStore } from '../../collector/logs/store/store.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import type { Measurement } from '../measurement.ts'

const batches = 600
const linesPerBatch = 1500
const pods = 20
const never = new AbortController().signal

/** How fast lines are stored on disk, and how fast a text is found among them. */
export async function measureLogSearch(): Promise<readonly Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-bench-'))
  const store = createLogStore({ folder, maxBytes: 1 << 30, clock: systemClock, log: silentLog })
  try {
    await store.sink.start()
    const prepared = Array.from({ length: batches }, (_, index) => batchOf(index))
    const bytes = prepared.reduce((total, { text }) => total + text.length, 0)
    const before = process.cpuUsage()
    const storing = await timed(async () => {
      await Promise.all(
        Array.from({ length: 4 }, async (_, lane) => {
          for (let index = lane; index < batches; index += 4) {
            await store.sink.room(never)
            await store.sink.deliver(prepared[index]!, never)
          }
        }),
      )
      await settled(folder)
    })
    const { user, system } = process.cpuUsage(before)
    const onDisk = readdirSync(folder).reduce((total, name) => total + statSync(join(folder, name)).size, 0)
    const literal = await searched(store, { match: 'no such text in any line' })
    const regex = await searched(store, { regex: 'status=599 .*took [0-9]+ms' })
    const one = await searched(store, { pod: 'pod-7', match: 'no such text in any line' })
    const rate = (ms: number) => `${Math.round(bytes / ms / 1000)} MB/s`
    return [
      {
        what: 'log store: text stored, on disk and compressed, per core',
        value: `${rate((user + system) / 1000)} (${rate(storing)} by the clock, ${(bytes / onDisk).toFixed(1)} : 1)`,
        aim: '≥ 300 MB/s',
      },
      { what: 'log store: text searched for a literal that is nowhere', value: rate(literal), aim: '≥ 500 MB/s' },
      { what: 'log store: the same with an expression that has a literal in it', value: rate(regex), aim: '' },
      {
        what: `log store: the same in one pod of ${pods}`,
        value: `${Math.round(one)} ms for ${Math.round(bytes / 1e6)} MB stored`,
        aim: '',
      },
    ]
  } finally {
    await store.sink.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function searched(store: LogStore, parameters: LogParameters): Promise<number> {
  return timed(async () => {
    for await (const records of store.query(parseLogQuery(parameters, systemClock.now()), never)) void records
  })
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = systemClock.monotonic()
  await work()
  return systemClock.monotonic() - start
}

/** Until only the journal that is written to is not compressed. */
async function settled(folder: string): Promise<void> {
  while (readdirSync(folder).filter((name) => name.endsWith('.journal')).length > 1) await systemClock.sleep(20)
}

function batchOf(index: number): LogBatch {
  const pod = `pod-${index % pods}`
  const round = Math.floor(index / pods)
  const origin = originOf(pod)
  const texts = Array.from({ length: linesPerBatch }, (_, line) => Buffer.from(lineOf(index * linesPerBatch + line)))
  let end = 0
  let position = round * 1e6
  return {
    origin,
    file: `file-${pod}`,
    count: linesPerBatch,
    text: Buffer.concat(texts),
    ends: Uint32Array.from(texts, ({ length }) => (end += length)),
    times: BigInt64Array.from(texts, (_, line) => BigInt(1.7e18) + BigInt(index * linesPerBatch + line) * 100_000n),
    positions: Float64Array.from(texts, ({ length }) => (position += length + 70)),
    nextPosition: (round + 1) * 1e6,
    levels: new Uint8Array(linesPerBatch).fill(3),
    streams: new Uint8Array(linesPerBatch),
    fields: undefined,
  }
}

const origins = new Map<string, LogOrigin>()

function originOf(pod: string): LogOrigin {
  const known = origins.get(pod)
  if (known !== undefined) return known
  const names = { namespace: 'default', pod, podUid: pod, container: 'main', containerId: pod, image: 'image' }
  const origin: LogOrigin = { id: `docker/${pod}`, kind: 'container', node: 'n', ...names, owner: undefined, labels: {}, annotations: {} }
  origins.set(pod, origin)
  return origin
}

function lineOf(seed: number): string {
  const random = (Math.imul(seed, 2_654_435_761) >>> 0) / 2 ** 32
  const user = Math.floor(random * 1e9).toString(36)
  const status = [200, 201, 404, 500][seed % 4]
  return `INFO http: GET /api/v1/items/${Math.floor(random * 1e5)}?user=${user} status=${status} bytes=${(seed * 7919) % 100_000} took ${(random * 100).toFixed(3)}ms trace=${(Math.imul(seed, 40_503) >>> 0).toString(16)} host=web-${seed % 17}`
}
