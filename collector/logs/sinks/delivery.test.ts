import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RefusalLog } from '../../../lib/delivery/refusal-log.ts'
import { Spool } from '../../../lib/delivery/spool.ts'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { seededRandom } from '../../../lib/random.ts'
import { lineId, lineText } from '../log-batch.ts'
import type { LogBatch } from '../log-batch.ts'
import { BatchSpool } from './batch-spool.ts'
import { createDeadLines } from './dead-lines.ts'
import { Delivery } from './delivery.ts'
import type { DeliverySettings } from './delivery-settings.ts'
import { fakeBatch } from './fake-batches.ts'
import { RefusedRequestError, SendError } from './sink.ts'
import type { LogSender, LogSinkStats, SendOutcome } from './sink.ts'

type Answer = (batches: readonly LogBatch[]) => SendOutcome | Error | 'hang'

/** A receiver in memory; `lines` are what it has acknowledged. */
class FakeReceiver {
  readonly lines: { readonly id: string; readonly file: string; readonly text: string }[] = []
  readonly groups: string[][] = []
  answer: Answer = () => ({ bytes: 1 })
  inFlight = 0
  mostInFlight = 0
  closed = 0

  createSender(): LogSender {
    return {
      send: async (batches, signal) => {
        this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight)
        this.groups.push(batches.flatMap(textsOf))
        try {
          await new Promise((resolve) => setImmediate(resolve))
          const answer = this.answer(batches)
          if (answer === 'hang') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
          if (answer instanceof Error) throw answer
          const outcome = answer as SendOutcome
          const left = new Set(
            [...(outcome.refused ?? []), ...(outcome.again?.lines ?? [])].map(({ batch, index }) => lineId(batch, index)),
          )
          for (const batch of batches) {
            for (const [index, text] of textsOf(batch).entries()) {
              if (!left.has(lineId(batch, index))) this.lines.push({ id: lineId(batch, index), file: batch.file, text })
            }
          }
          return outcome
        } finally {
          this.inFlight--
        }
      },
      close: async () => void this.closed++,
    }
  }

  get texts(): string[] {
    return this.lines.map(({ text }) => text)
  }
}

function textsOf(batch: LogBatch): string[] {
  return Array.from({ length: batch.count }, (_, index) => lineText(batch, index))
}

const down = () => new SendError('ECONNREFUSED')
const sumOf = (values: Readonly<Record<string, number>>) => Object.values(values).reduce((sum, value) => sum + value, 0)
function expectBalance({ accepted, restored, delivered, waiting, spooled, dropped }: LogSinkStats): void {
  expect(delivered + waiting + spooled + sumOf(dropped)).toBe(accepted + restored)
}

const settings: DeliverySettings = {
  maxLines: 100,
  maxBytes: 1 << 20,
  maxDelayMs: 200,
  concurrency: 1,
  timeoutMs: 10_000,
  memoryBytes: 1 << 20,
  onFull: 'spool',
  spoolBytes: 1 << 20,
  whenSpoolFull: 'wait',
  giveUpAfterMs: undefined,
  deadLetterBytes: 1 << 20,
}
/** A busy disk may take its time for the spool's syncs. */
const diskPatienceMs = 5000
/** Many runs, each with its syncs. */
const propertyTimeoutMs = 60_000

describe('the way of lines to a receiver', () => {
  let dir: string
  let clock: FakeClock
  let receiver: FakeReceiver
  const { signal } = new AbortController()
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'log-delivery-'))
    clock = new FakeClock()
    receiver = new FakeReceiver()
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  async function startDelivery(
    more: Partial<DeliverySettings> = {},
    folder = dir,
    keepAccount: () => Promise<void> = async () => {},
  ): Promise<Delivery> {
    const all = { ...settings, ...more }
    const log = silentLog
    const whenFull = all.whenSpoolFull === 'wait' ? 'refuse' : 'drop-oldest'
    const delivery = new Delivery({
      name: 'test',
      settings: all,
      senders: Array.from({ length: all.concurrency }, () => receiver.createSender()),
      spool:
        all.onFull === 'spool'
          ? new BatchSpool(new Spool({ dir: folder, maxBytes: all.spoolBytes, whenFull, now: () => clock.now() }))
          : undefined,
      deadLines: createDeadLines({ dir: folder, maxBytes: all.deadLetterBytes, clock }),
      refusals: new RefusalLog({ clock, log }),
      context: { clock, random: seededRandom(1), log },
    })
    await delivery.start(keepAccount)
    return delivery
  }
  /** Lets simulated time pass, and real time for the disk, until a condition holds. */
  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + diskPatienceMs
    while (!condition() && performance.now() < deadline) await clock.advance(50)
    expect(condition()).toBe(true)
  }
  /** Hands a batch over; the result says whether it is safe yet. */
  function hand(delivery: Delivery, batch: LogBatch): { isSafe: boolean; isReturned: boolean } {
    const state = { isSafe: false, isReturned: false }
    delivery.deliver(batch, signal).then(
      () => (state.isSafe = true),
      () => (state.isReturned = true),
    )
    return state
  }

  it('puts lines of several files together, sends them when they have waited, and says that they are safe when they are acknowledged', async () => {
    const delivery = await startDelivery()
    const first = hand(delivery, fakeBatch(['a', 'b']))
    const second = hand(delivery, fakeBatch(['c'], { file: 'file-2' }))
    await clock.advance(150)
    expect([receiver.groups, first.isSafe]).toEqual([[], false])
    await until(() => first.isSafe && second.isSafe)
    expect(receiver.groups).toEqual([['a', 'b', 'c']])
    expect(delivery.stats()).toMatchObject({ accepted: 3, delivered: 3, deliveredBytes: 3, waiting: 0, requests: 1 })
    await delivery.stop()
    expect(receiver.closed).toBe(1)
  })

  it('sends at once when a request is full, and takes a large batch apart', async () => {
    const delivery = await startDelivery({ maxLines: 4 })
    const state = hand(delivery, fakeBatch(['1', '2', '3', '4', '5', '6', '7', '8', '9']))
    await clock.settle()
    expect(receiver.groups.slice(0, 2)).toEqual([
      ['1', '2', '3', '4'],
      ['5', '6', '7', '8'],
    ])
    expect(state.isSafe).toBe(false)
    await until(() => state.isSafe)
    expect(receiver.groups[2]).toEqual(['9'])
    await delivery.stop()
  })

  it('sends a line that is larger than a request may be alone', async () => {
    const delivery = await startDelivery({ maxBytes: 1024 })
    const state = hand(delivery, fakeBatch(['small', 'x'.repeat(5000), 'small too']))
    await until(() => state.isSafe)
    expect(receiver.groups.map((group) => group.map((text) => text.length))).toEqual([[5], [5000], [9]])
    await delivery.stop()
  })

  it('through an outage everything is safe on disk, and arrives in order', async () => {
    const delivery = await startDelivery({ concurrency: 3 })
    receiver.answer = down
    const states = Array.from({ length: 60 }, (_, number) =>
      hand(delivery, fakeBatch([`${number}`], { file: `file-${number % 5}`, from: number * 10 })),
    )
    await until(() => states.every(({ isSafe }) => isSafe))
    const stats = delivery.stats()
    expect(stats).toMatchObject({ delivered: 0, isHealthy: false, lastError: 'ECONNREFUSED' })
    expect(stats.spooled + stats.waiting).toBe(60)
    const late = hand(delivery, fakeBatch(['60'], { file: 'file-0', from: 600 }))
    await until(() => late.isSafe)
    receiver.answer = () => ({ bytes: 1 })
    await until(() => delivery.stats().delivered === 61)
    for (let file = 0; file < 5; file++) {
      const numbers = receiver.lines.filter((line) => line.file === `file-${file}`).map(({ text }) => Number(text))
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
    expect(delivery.stats()).toMatchObject({ isHealthy: true, spooled: 0, waiting: 0, dropped: {} })
    await delivery.stop()
  })

  it('sends the same group again, whatever came meanwhile', async () => {
    const delivery = await startDelivery({ onFull: 'wait' })
    receiver.answer = down
    hand(delivery, fakeBatch(['a', 'b']))
    await until(() => receiver.groups.length === 2)
    hand(delivery, fakeBatch(['c'], { from: 100 }))
    await until(() => receiver.groups.length === 4)
    receiver.answer = () => ({ bytes: 1 })
    await until(() => receiver.lines.length === 3)
    expect(receiver.groups.slice(0, -1).every((group) => group.join('') === 'ab')).toBe(true)
    expect(receiver.groups.at(-1)).toEqual(['c'])
    await delivery.stop()
  })

  it('waits as long as the receiver asks for, and probes with one request at a time', async () => {
    const delivery = await startDelivery({ concurrency: 4, onFull: 'wait' })
    receiver.answer = () => new SendError('HTTP 429', 60_000)
    for (let file = 0; file < 8; file++) hand(delivery, fakeBatch(['x'], { file: `file-${file}` }))
    await until(() => receiver.groups.length === 1)
    await clock.advance(59_000)
    expect(receiver.groups).toHaveLength(1)
    await clock.advance(1500)
    expect(receiver.groups).toHaveLength(2)
    expect(receiver.mostInFlight).toBe(1)
    await delivery.stop()
  })

  it('gives a receiver that hangs its time and then asks again', async () => {
    const delivery = await startDelivery()
    receiver.answer = () => 'hang'
    const state = hand(delivery, fakeBatch(['a']))
    await clock.advance(9000)
    expect(state.isSafe).toBe(false)
    await until(() => state.isSafe)
    expect(delivery.stats().lastError).toBe('no answer within 10000 ms')
    receiver.answer = () => ({ bytes: 1 })
    await until(() => receiver.lines.length === 1)
    await delivery.stop()
  })

  it('without a spool readers wait for room while the receiver is away', async () => {
    const delivery = await startDelivery({ onFull: 'wait', memoryBytes: 1000 })
    receiver.answer = down
    const state = hand(delivery, fakeBatch(['x'.repeat(2000)]))
    let hasRoom = false
    void delivery.room(signal).then(() => (hasRoom = true))
    await clock.advance(60_000)
    expect([hasRoom, state.isSafe]).toEqual([false, false])
    receiver.answer = () => ({ bytes: 1 })
    await until(() => hasRoom && state.isSafe)
    await delivery.stop()
  })

  it('drops and counts what there is no room for where it is told to', async () => {
    const delivery = await startDelivery({ onFull: 'drop', memoryBytes: 1000 })
    receiver.answer = down
    hand(delivery, fakeBatch(['x'.repeat(2000)]))
    const state = hand(delivery, fakeBatch(['y', 'z'], { from: 3000 }))
    await until(() => state.isSafe)
    expect(delivery.stats()).toMatchObject({
      accepted: 3,
      waiting: 1,
      dropped: { 'memory-full': 2 },
      samples: { 'memory-full': [{ bytes: 1, text: 'y' }] },
    })
    await delivery.stop()
  })

  it('a full spool makes readers wait, or gives up the oldest where it is told to', async () => {
    receiver.answer = down
    const line = 'x'.repeat(10_000)
    const waiting = await startDelivery({ spoolBytes: 100_000, memoryBytes: 50_000 })
    for (let number = 0; number < 40; number++) hand(waiting, fakeBatch([line], { from: number * 10_001 }))
    let hasRoom = false
    void waiting.room(signal).then(() => (hasRoom = true))
    await until(() => waiting.stats().failedRequests > 3)
    expect(hasRoom).toBe(false)
    expect(waiting.stats().dropped).toEqual({})
    receiver.answer = () => ({ bytes: 1 })
    await until(() => waiting.stats().delivered === 40)
    expect(hasRoom).toBe(true)
    await waiting.stop()

    receiver.answer = down
    const dropping = await startDelivery({ spoolBytes: 100_000, memoryBytes: 50_000, whenSpoolFull: 'drop-oldest' }, join(dir, 'two'))
    for (let number = 0; number < 40; number++) {
      hand(dropping, fakeBatch([line], { from: number * 10_001 }))
      await clock.advance(300)
    }
    await until(() => (dropping.stats().dropped['spool-full'] ?? 0) > 20)
    expectBalance(dropping.stats())
    await dropping.stop()
  })

  it('keeps refused lines with what the receiver said, and delivers the others', async () => {
    const delivery = await startDelivery()
    receiver.answer = ([batch]) => ({
      refused: [{ batch: batch!, index: 1, reason: 'parse', message: 'no "such" field' }],
      bytes: 1,
    })
    const state = hand(delivery, fakeBatch(['good', 'bad\nline', 'good']))
    await until(() => state.isSafe)
    expect(receiver.texts).toEqual(['good', 'good'])
    expect(delivery.stats()).toMatchObject({ delivered: 2, deliveredBytes: 8, dropped: { parse: 1 }, lastError: 'no "such" field' })
    await delivery.stop()
    const [kept] = (await readFile(join(dir, 'refused.jsonl'), 'utf8')).trimEnd().split('\n')
    expect(JSON.parse(kept!)).toMatchObject({
      reason: 'parse',
      message: 'no "such" field',
      line: { message: 'bad\nline', id: 'file-1-5', origin: { pod: 'web-1' } },
    })
  })

  it('sends lines alone that the receiver has put off', async () => {
    const delivery = await startDelivery()
    let turn = 0
    receiver.answer = ([batch]) =>
      turn++ === 0
        ? { again: { lines: [0, 2].map((index) => ({ batch: batch!, index })), message: 'busy', retryAfterMs: 5000 }, bytes: 1 }
        : { bytes: 1 }
    const state = hand(delivery, fakeBatch(['a', 'b', 'c']))
    await clock.advance(4000)
    expect([receiver.texts, state.isSafe]).toEqual([['b'], false])
    await until(() => state.isSafe)
    expect(receiver.lines.map(({ id }) => id)).toEqual(['file-1-2', 'file-1-0', 'file-1-4'])
    expect(receiver.groups).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c'],
    ])
    await delivery.stop()
  })

  it('finds the one line for which requests are refused, and delivers all others in order', async () => {
    const delivery = await startDelivery()
    receiver.answer = (batches) =>
      batches.some((batch) => textsOf(batch).includes('poison')) ? new RefusedRequestError('rejected', 'HTTP 400') : { bytes: 1 }
    const texts = Array.from({ length: 100 }, (_, number) => (number === 71 ? 'poison' : `${number}`))
    const state = hand(delivery, fakeBatch(texts))
    await until(() => state.isSafe)
    expect(receiver.texts).toEqual(texts.filter((text) => text !== 'poison'))
    expect(delivery.stats()).toMatchObject({ delivered: 99, dropped: { rejected: 1 } })
    expect(delivery.stats().requests).toBeLessThan(40)
    await delivery.stop()
  })

  it('takes a receiver that refuses everything for one that is set up wrongly: lines wait', async () => {
    const delivery = await startDelivery()
    receiver.answer = () => new RefusedRequestError('rejected', 'HTTP 400: no such tenant')
    const state = hand(delivery, fakeBatch(Array.from({ length: 100 }, (_, number) => `${number}`)))
    await until(() => !delivery.stats().isHealthy)
    await clock.advance(600_000)
    expect(sumOf(delivery.stats().dropped)).toBeLessThan(30)
    receiver.answer = () => ({ bytes: 1 })
    await until(() => state.isSafe && delivery.stats().waiting + delivery.stats().spooled === 0)
    expectBalance(delivery.stats())
    await delivery.stop()
  })

  it('gives up after a time where it is told to, and counts that', async () => {
    const delivery = await startDelivery({ giveUpAfterMs: 60_000 })
    receiver.answer = down
    const state = hand(delivery, fakeBatch(['a', 'b']))
    await clock.advance(30_000)
    expect(delivery.stats().dropped).toEqual({})
    await until(() => delivery.stats().dropped['gave-up'] === 2)
    expect(state.isSafe).toBe(true)
    expectBalance(delivery.stats())
    await delivery.stop()
  })

  it('keeps the account of what it gives up before that is gone from the disk', async () => {
    let keeping = 0
    const kept = Promise.withResolvers<void>()
    const delivery = await startDelivery({ giveUpAfterMs: 60_000 }, dir, () => {
      keeping = sumOf(delivery.stats().dropped)
      return kept.promise
    })
    const segments = async () => (await readdir(dir)).filter((name) => name.endsWith('.spool')).length
    receiver.answer = down
    const state = hand(delivery, fakeBatch(['a', 'b']))
    await until(() => state.isSafe)
    await until(() => keeping === 2)
    expect(await segments()).toBe(1)
    kept.resolve()
    await delivery.stop()
    expect(await segments()).toBe(0)
  })

  it('gives up lines by the time at which they came, not by that of what was on disk before them', async () => {
    receiver.answer = down
    const first = await startDelivery()
    hand(first, fakeBatch(['old']))
    await clock.advance(300)
    await first.stop()
    const second = await startDelivery({ giveUpAfterMs: 60_000 })
    await clock.advance(50_000)
    const state = hand(second, fakeBatch(['young'], { from: 100 }))
    await until(() => state.isSafe && second.stats().dropped['gave-up'] === 1)
    receiver.answer = () => ({ bytes: 1 })
    await until(() => second.stats().delivered === 1)
    expect(receiver.texts).toEqual(['young'])
    await second.stop()
  })

  it('keeps in the spool what it could not send when it stops, and the next one sends it first', async () => {
    receiver.answer = down
    const first = await startDelivery()
    const states = Array.from({ length: 10 }, (_, number) => hand(first, fakeBatch([`${number}`], { from: number * 10 })))
    await clock.advance(300)
    await first.stop()
    expect(first.stats()).toMatchObject({ accepted: 10, waiting: 0, spooled: 10 })
    expect(states.every(({ isSafe }) => isSafe)).toBe(true)
    receiver.answer = () => ({ bytes: 1 })
    const second = await startDelivery({ concurrency: 2 })
    hand(second, fakeBatch(['10'], { from: 100 }))
    await until(() => second.stats().delivered === 11)
    expect(second.stats()).toMatchObject({ accepted: 1, restored: 10, waiting: 0, spooled: 0 })
    expect(receiver.texts).toEqual(Array.from({ length: 11 }, (_, number) => `${number}`))
    await second.stop()
  })

  it('sends what is in memory when it stops, and hands back what it could not', async () => {
    const good = await startDelivery({ onFull: 'wait', maxDelayMs: 60_000 })
    const sent = hand(good, fakeBatch(['a']))
    await good.stop()
    await clock.settle()
    expect([sent.isSafe, receiver.texts]).toEqual([true, ['a']])
    receiver.answer = () => 'hang'
    const bad = await startDelivery({ onFull: 'wait' })
    const returned = hand(bad, fakeBatch(['b']))
    await clock.advance(300)
    const stopping = bad.stop()
    await clock.advance(5000)
    await stopping
    await clock.settle()
    expect(returned).toEqual({ isSafe: false, isReturned: true })
    expect(bad.stats()).toMatchObject({ accepted: 1, waiting: 1 })
    await expect(bad.deliver(fakeBatch(['c']), signal)).rejects.toThrow(/has stopped/)
  })

  it('lets go of a reader that stops waiting', async () => {
    const delivery = await startDelivery({ onFull: 'wait', memoryBytes: 1000 })
    receiver.answer = down
    const controller = new AbortController()
    const delivered = delivery.deliver(fakeBatch(['x'.repeat(2000)]), controller.signal)
    const room = delivery.room(controller.signal)
    controller.abort()
    await expect(delivered).rejects.toThrow(/has stopped/)
    await room
    await delivery.stop()
  })

  it(
    'has an account of every line at every moment, delivers each that is not counted as dropped, and keeps their order',
    async () => {
      const kinds = fc.constantFrom('ok', 'ok', 'down', 'refuse', 'again', 'large', 'hang')
      const plans = fc.record({
        answers: fc.array(kinds, { minLength: 5, maxLength: 50 }),
        concurrency: fc.integer({ min: 1, max: 4 }),
        onFull: fc.constantFrom('wait' as const, 'spool' as const, 'drop' as const),
        whenSpoolFull: fc.constantFrom('wait' as const, 'drop-oldest' as const),
        maxLines: fc.integer({ min: 1, max: 20 }),
      })
      await fc.assert(
        fc.asyncProperty(plans, async ({ answers, ...more }) => {
          const folder = await mkdtemp(join(dir, 'run-'))
          receiver = new FakeReceiver()
          let turn = 0
          let isDisturbed = true
          const delivery = await startDelivery({ ...more, timeoutMs: 500, memoryBytes: 3000, spoolBytes: 8000 }, folder)
          receiver.answer = (batches) => {
            expectBalance(delivery.stats())
            return isDisturbed ? playAnswer(answers[turn++ % answers.length]!, batches) : { bytes: 1 }
          }
          const positions = [0, 0, 0, 0, 0]
          const handed: string[] = []
          let pending = 0
          for (let round = 0; round < 40; round++) {
            for (let file = 0; file < 5; file++) {
              const texts = Array.from({ length: (round % 3) + 1 }, (_, number) => `line ${round}.${number} of ${file}`)
              const batch = fakeBatch(texts, { file: `file-${file}`, from: positions[file]! })
              positions[file] = batch.nextPosition
              handed.push(...texts.map((_, index) => lineId(batch, index)))
              pending++
              void delivery.deliver(batch, signal).then(() => {
                expectBalance(delivery.stats())
                pending--
              })
            }
            await clock.advance(150)
            expectBalance(delivery.stats())
          }
          isDisturbed = false
          await until(() => {
            const { waiting, spooled } = delivery.stats()
            return waiting + spooled === 0
          })
          const stats = delivery.stats()
          expectBalance(stats)
          const arrived = new Set(receiver.lines.map(({ id }) => id))
          expect(stats.accepted).toBe(handed.length)
          expect(arrived.size).toBe(handed.length - sumOf(stats.dropped))
          if (!answers.includes('again')) expectOrder(receiver)
          await clock.settle()
          expect(pending).toBe(0)
          await delivery.stop()
        }),
        { numRuns: 25 },
      )
    },
    propertyTimeoutMs,
  )

  it(
    'loses nothing over restarts, whatever the receiver does, when readers hand over again what was not safe',
    async () => {
      const kinds = fc.constantFrom('ok', 'down', 'down', 'large', 'hang')
      const plans = fc.record({
        answers: fc.array(kinds, { minLength: 5, maxLength: 30 }),
        lives: fc.array(fc.record({ rounds: fc.nat(12), concurrency: fc.integer({ min: 1, max: 4 }) }), { minLength: 2, maxLength: 5 }),
        onFull: fc.constantFrom('wait' as const, 'spool' as const),
      })
      await fc.assert(
        fc.asyncProperty(plans, async ({ answers, lives, onFull }) => {
          const folder = await mkdtemp(join(dir, 'lives-'))
          receiver = new FakeReceiver()
          let turn = 0
          const readers: Reader[] = [0, 1, 2].map((file) => ({ file: `file-${file}`, position: 0, unsafe: [] }))
          const handed = new Set<string>()
          const handOver = (delivery: Delivery, reader: Reader, batch: LogBatch) => {
            reader.unsafe.push(batch)
            delivery.deliver(batch, signal).then(
              () => (reader.unsafe = reader.unsafe.filter((other) => other !== batch)),
              () => {},
            )
          }
          for (const [life, { rounds, concurrency }] of [...lives, { rounds: 0, concurrency: 2 }].entries()) {
            const isLast = life === lives.length
            receiver.answer = (batches) => (isLast ? { bytes: 1 } : playAnswer(answers[turn++ % answers.length]!, batches))
            const delivery = await startDelivery(
              { concurrency, onFull, maxLines: 10, timeoutMs: 500, memoryBytes: 3000, spoolBytes: 20_000 },
              folder,
            )
            for (const reader of readers) for (const batch of reader.unsafe.splice(0)) handOver(delivery, reader, batch)
            for (let round = 0; round < rounds; round++) {
              for (const reader of readers) {
                const batch = fakeBatch([`${life}.${round}`, 'x'.repeat(round * 5)], { file: reader.file, from: reader.position })
                reader.position = batch.nextPosition
                for (let index = 0; index < batch.count; index++) handed.add(lineId(batch, index))
                handOver(delivery, reader, batch)
              }
              await clock.advance(150)
              expectBalance(delivery.stats())
            }
            if (isLast) await until(() => delivery.stats().waiting + delivery.stats().spooled === 0)
            let isStopped = false
            const stopping = delivery.stop().then(() => (isStopped = true))
            await until(() => isStopped)
            await stopping
            expectBalance(delivery.stats())
            expect(delivery.stats().dropped).toEqual({})
          }
          const arrived = new Set(receiver.lines.map(({ id }) => id))
          expect([...handed].filter((id) => !arrived.has(id))).toEqual([])
          expect(readers.flatMap(({ unsafe }) => unsafe)).toEqual([])
        }),
        { numRuns: 15 },
      )
    },
    propertyTimeoutMs,
  )
})

/** As a reader: what is not safe when a sink stops is handed over again after the next start. */
interface Reader {
  readonly file: string
  position: number
  unsafe: LogBatch[]
}

function expectOrder(receiver: FakeReceiver): void {
  for (const lines of Map.groupBy(receiver.lines, ({ file }) => file).values()) {
    const positions = lines.map(({ id }) => Number.parseInt(id.split('-').at(-1)!, 36))
    expect(positions).toEqual(positions.toSorted((a, b) => a - b))
  }
}

function playAnswer(kind: string, batches: readonly LogBatch[]): ReturnType<Answer> {
  const last = { batch: batches.at(-1)!, index: batches.at(-1)!.count - 1 }
  switch (kind) {
    case 'down':
      return down()
    case 'refuse':
      return { refused: [{ ...last, reason: 'parse', message: 'no' }], bytes: 1 }
    case 'again':
      return { again: { lines: [last], message: 'busy' }, bytes: 1 }
    case 'large':
      return batches.length === 1 && batches[0]!.count === 1 ? { bytes: 1 } : new RefusedRequestError('too-large', 'HTTP 413')
    case 'hang':
      return 'hang'
    default:
      return { bytes: 1 }
  }
}
