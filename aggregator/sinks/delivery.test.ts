import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import type { DeadLetters, Refusal } from '../../lib/delivery/dead-letters.ts'
import { Delivery } from './delivery.ts'
import type { DeliveryOptions } from './delivery.ts'
import type { Destination, Outcome } from './destination.ts'
import type { SinkStats } from './sink.ts'
import { Spool } from '../../lib/delivery/spool.ts'
import type { Payload } from '../../lib/delivery/spool.ts'

/** Items are lines; the body is their text. */
class LineSource {
  #lines: string[] = []

  get items(): number {
    return this.#lines.length
  }

  add(...lines: readonly string[]): void {
    this.#lines.push(...lines)
  }

  take(): Payload {
    const lines = this.#lines.splice(0)
    return { body: Buffer.from(lines.join('\n')), items: lines.length }
  }
}

/** The other end, in memory, answering as a test wants. */
class FakeDestination implements Destination {
  readonly lines: string[] = []
  answer: (payload: Payload) => Outcome | Error = () => ({})
  prepared = 0
  isClosed = false
  hangs = false
  inFlight = 0
  mostInFlight = 0
  takesMs = 0
  readonly clock: FakeClock

  constructor(clock: FakeClock) {
    this.clock = clock
  }

  async prepare(): Promise<void> {
    this.prepared++
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Outcome> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight)
    try {
      await (this.takesMs === 0 ? Promise.resolve() : this.clock.sleep(this.takesMs, signal))
      if (this.hangs && !signal.aborted) await once(signal, 'abort')
      signal.throwIfAborted()
      const outcome = this.answer(payload)
      if (outcome instanceof Error) throw outcome
      if (outcome.remaining === undefined && outcome.refusals === undefined) this.lines.push(...payload.body.toString().split('\n'))
      return outcome
    } finally {
      this.inFlight--
    }
  }

  close(): void {
    this.isClosed = true
  }
}

/** A busy disk may take its time for the spool's syncs. */
const diskPatienceMs = 4_000

const down = () => new Error('ECONNREFUSED')
const sumOf = (values: Readonly<Record<string, number>>) => Object.values(values).reduce((sum, value) => sum + value, 0)
const isBalanced = ({ accepted, restored, delivered, waiting, lost }: SinkStats) =>
  accepted + restored === delivered + waiting + sumOf(lost)

describe('the way to a destination', () => {
  let dir: string
  let clock: FakeClock
  let destination: FakeDestination
  let source: LineSource
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'delivery-test-'))
    clock = new FakeClock()
    destination = new FakeDestination(clock)
    source = new LineSource()
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  function createDelivery(options: Partial<DeliveryOptions> = {}, spoolBytes = 1 << 20): Delivery {
    return new Delivery({
      destination,
      encoder: source,
      concurrency: 1,
      spool: new Spool({ dir, maxBytes: spoolBytes, now: () => clock.now() }),
      deadLetters: undefined,
      clock,
      random: seededRandom(1),
      log: silentLog,
      ...options,
    })
  }
  /** Lets simulated time pass, and real time for the disk, until a condition holds. */
  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + diskPatienceMs
    while (!condition() && performance.now() < deadline) await clock.advance(50)
    expect(condition()).toBe(true)
  }
  function add(delivery: Delivery, ...lines: readonly string[]): void {
    source.add(...lines)
    delivery.sealSoon()
  }

  it('sends what has waited for a quarter of a second, after making sure of the other end', async () => {
    const delivery = createDelivery()
    await delivery.start()
    add(delivery, 'a', 'b')
    await clock.advance(200)
    expect(destination.lines).toEqual([])
    await until(() => destination.lines.length === 2)
    expect(destination.prepared).toBe(1)
    expect(delivery.stats()).toMatchObject({ accepted: 2, delivered: 2, waiting: 0, requests: 1, isHealthy: true })
    await delivery.stop()
    expect(destination.isClosed).toBe(true)
  })

  it('keeps everything through an outage and sends it in order', async () => {
    const delivery = createDelivery()
    await delivery.start()
    destination.answer = down
    for (let number = 0; number < 40; number++) {
      add(delivery, `${number}`)
      await clock.advance(300)
    }
    await until(() => delivery.stats().spooled >= 38)
    expect(delivery.stats()).toMatchObject({ isHealthy: false, lastError: 'ECONNREFUSED' })
    destination.answer = () => ({})
    await until(() => delivery.stats().waiting === 0)
    expect(destination.lines.map(Number)).toEqual(Array.from({ length: 40 }, (_, number) => number))
    expect(delivery.stats()).toMatchObject({ accepted: 40, delivered: 40, lost: {} })
    await delivery.stop()
  })

  it('tells when everything has arrived after an outage, and since when it had to wait', async () => {
    const recoveries: number[] = []
    const delivery = createDelivery({ onRecovered: (since) => recoveries.push(since) })
    await delivery.start()
    add(delivery, 'before')
    await until(() => destination.lines.length === 1)
    const begun = clock.now()
    destination.answer = down
    add(delivery, 'during')
    await until(() => !delivery.stats().isHealthy)
    await clock.advance(20_000)
    expect(recoveries).toEqual([])
    destination.answer = () => ({})
    await until(() => recoveries.length === 1)
    expect(recoveries[0]).toBeLessThanOrEqual(begun + 300)
    expect(recoveries[0]).toBeGreaterThan(begun - 2000)
    await delivery.stop()
  })

  it('has as many requests on their way as it may, and one while it knows nothing of the other end', async () => {
    const delivery = createDelivery({ concurrency: 3 })
    await delivery.start()
    destination.takesMs = 100
    for (let number = 0; number < 10; number++) {
      source.add(`${number}`)
      delivery.seal()
    }
    await until(() => destination.lines.length === 10)
    expect(destination.mostInFlight).toBe(3)
    expect(destination.lines[0]).toBe('0')
    await delivery.stop()
  })

  it('puts what it could not send into the spool when it stops, and the next one sends it', async () => {
    destination.answer = down
    const first = createDelivery()
    await first.start()
    add(first, 'a')
    await until(() => !first.stats().isHealthy)
    add(first, 'b')
    await first.stop()
    destination.answer = () => ({})
    const second = createDelivery()
    await second.start()
    expect(second.stats()).toMatchObject({ restored: 2, waiting: 2 })
    await until(() => second.stats().delivered === 2)
    expect(destination.lines.toSorted()).toEqual(['a', 'b'])
    await second.stop()
  })

  it('does not hang when it stops while the other end never answers', async () => {
    destination.hangs = true
    const delivery = createDelivery()
    await delivery.start()
    add(delivery, 'a')
    await clock.advance(1500)
    const stopping = delivery.stop()
    await clock.advance(4000)
    await stopping
    destination.hangs = false
    const again = createDelivery()
    await again.start()
    expect(again.stats().restored).toBe(1)
    await again.stop()
  })

  it('counts what is refused for good under its reason, keeps it, and does not send it again', async () => {
    const refusals: Refusal[] = []
    const deadLetters: DeadLetters = {
      add: async (refusal) => {
        refusals.push(refusal)
        throw new Error('no space left on device')
      },
    }
    destination.answer = () => ({ refusals: [{ reason: 'parse', message: 'unable to parse', items: 1, samples: ['bad'] }] })
    const delivery = createDelivery({ deadLetters })
    await delivery.start()
    add(delivery, 'bad', 'good', 'good')
    await until(() => delivery.stats().waiting === 0 && refusals.length === 1)
    expect(refusals).toMatchObject([{ reason: 'parse', items: 1, samples: ['bad'] }])
    expect(delivery.stats()).toMatchObject({ delivered: 2, lost: { parse: 1 }, requests: 1, failedRequests: 0 })
    await delivery.stop()
  })

  it('counts what cannot be compressed and goes on', async () => {
    let count = 0
    const compress = (body: Buffer) => (count++ === 0 ? Promise.reject(new Error('no memory')) : Promise.resolve(body))
    const delivery = createDelivery({ compress })
    await delivery.start()
    add(delivery, 'a', 'b')
    await until(() => delivery.stats().lost['not-encoded'] === 2)
    add(delivery, 'c')
    await until(() => destination.lines.length === 1)
    expect(delivery.stats()).toMatchObject({ accepted: 3, delivered: 1, waiting: 0, lost: { 'not-encoded': 2 } })
    await delivery.stop()
  })

  it('sends what remains alone, at once or when the other end has had its time', async () => {
    const bodies: string[] = []
    destination.answer = ({ body }) => {
      bodies.push(body.toString())
      if (bodies.length === 1) {
        return {
          remaining: [
            { body: Buffer.from('a'), items: 1 },
            { body: Buffer.from('b\nc'), items: 2 },
          ],
        }
      }
      const half = { body: Buffer.from('c'), items: 1 }
      return bodies.length === 3 ? { remaining: [half], retry: { message: 'busy', afterMs: 60_000 } } : {}
    }
    const delivery = createDelivery()
    await delivery.start()
    add(delivery, 'a', 'b', 'c')
    await until(() => bodies.length === 3)
    await clock.advance(50_000)
    expect(delivery.stats()).toMatchObject({ delivered: 2, waiting: 1, failedRequests: 1 })
    await clock.advance(11_000)
    await until(() => delivery.stats().delivered === 3)
    expect(bodies).toEqual(['a\nb\nc', 'a', 'b\nc', 'c'])
    await delivery.stop()
  })

  it('prepares the other end again when that says so', async () => {
    destination.answer = (payload) =>
      destination.prepared < 2 ? { remaining: [payload], retry: { message: 'database not found', isUnprepared: true } } : {}
    const delivery = createDelivery()
    await delivery.start()
    add(delivery, 'a')
    await until(() => destination.lines.length === 1)
    expect(destination.prepared).toBe(2)
    await delivery.stop()
  })

  it('without a spool keeps a bounded queue and counts what falls off', async () => {
    destination.answer = down
    const delivery = createDelivery({ spool: undefined })
    await delivery.start()
    for (let number = 0; number < 40; number++) {
      add(delivery, `${number}`)
      await clock.advance(300)
    }
    const stats = delivery.stats()
    expect(stats.waiting).toBeLessThanOrEqual(18)
    expect(stats.lost['queue-full']).toBeGreaterThanOrEqual(22)
    expect(isBalanced(stats)).toBe(true)
    await delivery.stop()
  })

  it('counts and tells what it has to give up when it stops', async () => {
    const warnings: object[] = []
    const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) }
    destination.answer = down
    const delivery = createDelivery({ spool: undefined, log })
    await delivery.start()
    add(delivery, 'a', 'b', 'c')
    await until(() => delivery.stats().failedRequests > 0)
    await delivery.stop()
    expect(delivery.stats()).toMatchObject({ accepted: 3, waiting: 0, lost: { stopped: 3 } })
    expect(warnings.at(-1)).toEqual({ items: 3 })
  })

  it('goes on in memory when the disk takes nothing', async () => {
    const delivery = createDelivery()
    await delivery.start()
    await rm(dir, { recursive: true })
    destination.answer = down
    for (let number = 0; number < 20; number++) {
      add(delivery, `${number}`)
      await clock.advance(300)
    }
    destination.answer = () => ({})
    await until(() => delivery.stats().delivered === 20)
    expect(new Set(destination.lines).size).toBe(20)
    await delivery.stop()
  })

  it('has an account of every item at every moment, whatever the other end does', async () => {
    const answers = fc.array(fc.constantFrom('ok', 'down', 'refuse', 'halve', 'busy'), { minLength: 10, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(answers, fc.integer({ min: 1, max: 4 }), async (plan, concurrency) => {
        const folder = await mkdtemp(join(dir, 'run-'))
        destination = new FakeDestination(clock)
        let turn = 0
        destination.answer = (payload) => playAnswer(plan[turn++ % plan.length]!, payload)
        const delivery = createDelivery({ concurrency, spool: new Spool({ dir: folder, maxBytes: 2000, segmentBytes: 200, now: () => 0 }) })
        await delivery.start()
        let added = 0
        for (let round = 0; round < 40; round++) {
          for (let line = 0; line < 5; line++) source.add(`line number ${added++}`)
          delivery.seal()
          await clock.advance(100)
          expect(isBalanced(delivery.stats())).toBe(true)
        }
        destination.answer = () => ({})
        await until(() => delivery.stats().waiting === 0)
        const stats = delivery.stats()
        expect(stats.accepted).toBe(added)
        expect(stats.delivered + sumOf(stats.lost)).toBe(added)
        await delivery.stop()
      }),
      { numRuns: 10 },
    )
  })
})

function playAnswer(kind: string, payload: Payload): Outcome | Error {
  const lines = payload.body.toString().split('\n')
  const part = (some: readonly string[]): Payload => ({ body: Buffer.from(some.join('\n')), items: some.length })
  switch (kind) {
    case 'down':
      return down()
    case 'refuse':
      return { refusals: [{ reason: 'parse', message: 'no', items: 1, samples: [] }] }
    case 'halve':
      return lines.length < 2 ? {} : { remaining: [part(lines.slice(0, 1)), part(lines.slice(1))] }
    case 'busy':
      return { remaining: [part(lines.slice(-1))], retry: { message: 'busy' } }
    default:
      return {}
  }
}
