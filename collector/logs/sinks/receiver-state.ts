import type { Timer } from '../../../lib/clock.ts'
import { createBackoff, type Backoff } from '../../../lib/retry.ts'
import type { LogContext } from '../context.ts'
import type { Accounts } from './accounts.ts'
import type { RefusedRequestError, SendError, SendOutcome } from './sink.ts'

const firstBackoffMs = 500
const maxBackoffMs = 30_000
/** No receiver may ask for more patience than this. */
const maxRetryAfterMs = 300_000
const quietMs = 60_000
/** A receiver that refuses so many lines one after the other, each alone and none taken between, is set up wrongly: lines wait then. */
const maxRefusalsInRow = 20

/** What is known of a receiver: whether it takes lines, and how long it is left in peace. */
export class ReceiverState {
  readonly #context: Pick<LogContext, 'clock' | 'random' | 'log'>
  readonly #accounts: Accounts
  readonly #onPauseOver: () => void
  readonly #backoff: Backoff
  #hasAnswered = false
  #refusalsInRow = 0
  #toldAt = -Infinity
  #pause: Timer | undefined

  /** `onPauseOver`: the receiver may be asked again. */
  constructor(context: Pick<LogContext, 'clock' | 'random' | 'log'>, accounts: Accounts, onPauseOver: () => void) {
    this.#context = context
    this.#accounts = accounts
    this.#onPauseOver = onPauseOver
    this.#backoff = createBackoff({ initialMs: firstBackoffMs, maxMs: maxBackoffMs, random: context.random })
  }

  /** Whether it is known to take lines; until then one request at a time is enough to find out. */
  get isTaking(): boolean {
    return this.#accounts.isHealthy && this.#hasAnswered
  }

  get isPausing(): boolean {
    return this.#pause !== undefined
  }

  /** It has answered; `hasTaken`: some lines are there now; `again`: it wants some later. */
  noteAnswer(hasTaken: boolean, again: SendOutcome['again']): void {
    if (!this.#accounts.isHealthy) this.#context.log.info({}, 'the receiver takes lines again')
    this.#accounts.isHealthy = true
    this.#hasAnswered = true
    if (hasTaken) this.#refusalsInRow = 0
    if (again === undefined) return this.#backoff.reset()
    this.#accounts.failedRequests++
    this.#accounts.complain(again.message)
    this.#wait(again.retryAfterMs)
  }

  /** `isEnded`: nobody wants to hear of it any more. */
  noteFailure(error: Error, isEnded: boolean): void {
    this.#accounts.failedRequests++
    this.#accounts.complain(error.message)
    if (this.#accounts.isHealthy && !isEnded) this.#tell('the receiver takes no lines; they wait')
    this.#accounts.isHealthy = false
    this.#wait((error as Partial<SendError>).retryAfterMs)
  }

  /** Whether the refusal of a line that was sent alone is taken to be about the line. */
  isBelieved(error: RefusedRequestError): boolean {
    return error.isAboutLines || ++this.#refusalsInRow <= maxRefusalsInRow
  }

  close(): void {
    this.#pause?.cancel()
  }

  /** A receiver that comes and goes is a line a minute. */
  #tell(message: string): void {
    const { clock, log } = this.#context
    const now = clock.monotonic()
    if (now - this.#toldAt < quietMs) return log.debug({ err: this.#accounts.lastError }, message)
    this.#toldAt = now
    log.warn({ err: this.#accounts.lastError }, message)
  }

  #wait(retryAfterMs = 0): void {
    const ms = Math.max(Math.min(retryAfterMs, maxRetryAfterMs), this.#backoff.next())
    this.#pause?.cancel()
    this.#pause = this.#context.clock.setTimer(ms, () => {
      this.#pause = undefined
      this.#onPauseOver()
    })
  }
}
