import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { createBackoff } from '../../lib/retry.ts'
import type { SelfFigure } from '../source.ts'
import type { ContainerSample, Driver, EncodedBody } from './driver.ts'

const gzipAsync = promisify(gzip)

/** What waits for a sink at most; beyond it the oldest is dropped and counted. */
const maxQueuedBytes = 16 << 20
/** So much is sent before its time. */
const earlyBytes = 1 << 20
const initialBackoffMs = 500
const maxBackoffMs = 60_000

export interface OutletOptions {
  readonly driver: Driver
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  /** Time between writes. */
  readonly intervalMs: number
}

/**
 * What waits for one sink, and the loop that sends it. `add` never waits: a sink that is slow or away costs samples, oldest first and
 * counted, and nothing else.
 */
export class Outlet {
  readonly #options: OutletOptions
  readonly #queue: EncodedBody[] = []
  #queuedBytes = 0
  #written = 0
  #lost = 0
  #retries = 0
  #wake = Promise.withResolvers<void>()
  #isFailing = false

  constructor(options: OutletOptions) {
    this.#options = options
  }

  /** Takes samples in; they are encoded at once and sent later. */
  async add(samples: readonly ContainerSample[]): Promise<void> {
    const { driver } = this.#options
    for (const body of driver.encode(samples)) {
      const bytes = driver.isCompressed ? await gzipAsync(body.bytes, { level: constants.Z_BEST_SPEED }) : body.bytes
      this.#queue.push({ bytes, points: body.points })
      this.#queuedBytes += bytes.length
    }
    while (this.#queuedBytes > maxQueuedBytes) this.#lose(this.#shift(), 'the queue is full')
    if (driver.isImmediate || this.#queuedBytes >= earlyBytes) this.#wake.resolve()
  }

  /** Sends until the signal aborts, then once more what is left. */
  async run(signal: AbortSignal): Promise<void> {
    const { driver, clock, random, intervalMs } = this.#options
    const backoff = createBackoff({ initialMs: initialBackoffMs, maxMs: maxBackoffMs, random })
    const stopping = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    while (!signal.aborted) {
      const pause = new AbortController()
      await Promise.race([clock.sleep(intervalMs, pause.signal), this.#wake.promise, stopping])
      pause.abort()
      this.#wake = Promise.withResolvers()
      while (!signal.aborted && this.#queue.length > 0) {
        if (await this.#sendFirst(signal)) backoff.reset()
        else await clock.sleep(backoff.next(), signal)
      }
    }
    await this.#sendRest()
    driver.close()
  }

  /** Counters for `/metrics`, under the name of the sink. */
  figures(): SelfFigure[] {
    const labels = { driver: this.#options.driver.kind }
    const row = (name: string, type: SelfFigure['type'], help: string, value: number): SelfFigure => ({ name, type, help, labels, value })
    return [
      row('driver_points_written_total', 'counter', 'Points that a storage driver has taken', this.#written),
      row('driver_points_lost_total', 'counter', 'Points that were refused, or for which there was no room any more', this.#lost),
      row('driver_retries_total', 'counter', 'Writes that failed and were tried again', this.#retries),
      row('driver_queued_bytes', 'gauge', 'Bytes that wait for a storage driver', this.#queuedBytes),
    ]
  }

  /** Sends the oldest body; answers whether the sink has dealt with it. */
  async #sendFirst(signal: AbortSignal): Promise<boolean> {
    const { driver, log } = this.#options
    const body = this.#queue[0]!
    const outcome = await driver.write(body, signal).catch((error: unknown) => ({ result: 'retry' as const, reason: String(error) }))
    if (outcome.result === 'retry') {
      this.#retries++
      if (!this.#isFailing) log.warn({ driver: driver.kind, reason: outcome.reason }, 'a storage driver can not write; samples wait')
      this.#isFailing = true
      return false
    }
    if (this.#isFailing) log.info({ driver: driver.kind }, 'the storage driver writes again')
    this.#isFailing = false
    // The bound may have taken it meanwhile, which has counted it.
    if (this.#queue[0] === body) this.#shift()
    this.#written += body.points - outcome.lost
    if (outcome.lost > 0) this.#lose({ points: outcome.lost }, outcome.reason ?? 'refused')
    return true
  }

  /** One attempt for everything, when it ends. */
  async #sendRest(): Promise<void> {
    const { clock } = this.#options
    const deadline = new AbortController()
    const timer = clock.setTimer(finalMs, () => deadline.abort())
    while (this.#queue.length > 0 && (await this.#sendFirst(deadline.signal)));
    timer.cancel()
    while (this.#queue.length > 0) this.#lose(this.#shift(), 'the collector ended')
  }

  #shift(): EncodedBody {
    const body = this.#queue.shift()!
    this.#queuedBytes -= body.bytes.length
    return body
  }

  #lose({ points }: { readonly points: number }, reason: string): void {
    this.#lost += points
    this.#options.log.debug({ driver: this.#options.driver.kind, points, reason }, 'points were lost')
  }
}

const finalMs = 3000
