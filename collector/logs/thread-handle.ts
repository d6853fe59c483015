import { Worker } from 'node:worker_threads'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { createBackoff, type Backoff } from '../../lib/retry.ts'
import type { LogAnswer, LogRequest } from './context.ts'
import type { LogFamily } from './families.ts'
import type { FromThread, ThreadData, ToThread } from './protocol.ts'

export interface ThreadHandleOptions {
  readonly data: ThreadData
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** A thread has begun and knows nothing yet. */
  readonly onStart: () => void
  /** What is run; the pipeline's thread by default. */
  readonly entry?: URL
}

interface Waiting {
  readonly resolve: (message: FromThread) => void
  readonly reject: (error: Error) => void
}

const firstBackoffMs = 500
const maxBackoffMs = 30_000
/** A thread that ran this long has earned a fresh start of its backoff. */
const steadyMs = 60_000
const stopTimeoutMs = 9000
/** Bounds the heap of the thread; its buffers are bounded by what may be unacknowledged. */
const heapMb = 96
const youngHeapMb = 8

/** Keeps the pipeline's thread running: one that ends without having been told to is started again, with backoff, and counted. */
export class ThreadHandle {
  readonly #options: ThreadHandleOptions
  readonly #waiting = new Map<number, Waiting>()
  readonly #backoff: Backoff
  #worker: Worker | undefined
  #ready: PromiseWithResolvers<void> | undefined
  #ended: PromiseWithResolvers<void> | undefined
  #startedAt = 0
  #nextId = 1
  #restarts = 0
  #isStopping = false

  constructor(options: ThreadHandleOptions) {
    this.#options = options
    this.#backoff = createBackoff({ initialMs: firstBackoffMs, maxMs: maxBackoffMs, random: options.random })
  }

  get restarts(): number {
    return this.#restarts
  }

  /** Resolves when the pipeline reads; rejects when it can't. */
  async start(): Promise<void> {
    this.#ready = Promise.withResolvers<void>()
    this.#spawn()
    await this.#ready.promise
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    const worker = this.#worker
    if (worker === undefined) return
    this.send({ type: 'stop' })
    const over = new AbortController()
    await Promise.race([this.#ended!.promise, this.#options.clock.sleep(stopTimeoutMs, over.signal)])
    over.abort()
    await worker.terminate()
  }

  send(message: ToThread): void {
    this.#worker?.postMessage(message, [])
  }

  async ask(request: LogRequest, signal: AbortSignal): Promise<LogAnswer> {
    const id = this.#nextId++
    const { answer } = await this.#request<'answer'>(id, { type: 'ask', id, request })
    const { code, type, body } = answer
    return { code, type, body: body === undefined ? this.#parts(id, signal) : typeof body === 'string' ? body : Buffer.from(body) }
  }

  async families(): Promise<readonly LogFamily[]> {
    const id = this.#nextId++
    return (await this.#request<'families'>(id, { type: 'figures', id })).families
  }

  async *#parts(id: number, signal: AbortSignal): AsyncGenerator<string | Buffer> {
    const leave = () => this.send({ type: 'leave', id })
    signal.addEventListener('abort', leave, { once: true })
    try {
      while (!signal.aborted) {
        const { part } = await this.#request<'part'>(id, { type: 'next', id })
        if (part === undefined) return
        yield typeof part === 'string' ? part : Buffer.from(part)
      }
    } finally {
      signal.removeEventListener('abort', leave)
      leave()
    }
  }

  #request<T extends FromThread['type']>(id: number, message: ToThread): Promise<Extract<FromThread, { type: T }>> {
    return new Promise((resolve, reject) => {
      if (this.#worker === undefined) return reject(new Error('the thread that collects logs is not running'))
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      this.send(message)
    })
  }

  #spawn(): void {
    const { data, clock, entry = new URL('./thread.ts', import.meta.url), onStart } = this.#options
    this.#startedAt = clock.monotonic()
    this.#ended = Promise.withResolvers<void>()
    const worker = new Worker(entry, {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: youngHeapMb },
    })
    this.#worker = worker
    let failure = 'it ended'
    worker.on('message', (message: FromThread) => {
      if (message.type === 'failed') failure = message.message
      else this.#onMessage(message)
    })
    worker.on('error', (error) => (failure = error instanceof Error ? error.message : String(error)))
    worker.on('exit', () => this.#onExit(worker, failure))
    onStart()
  }

  #onMessage(message: FromThread): void {
    if (message.type === 'ready') return this.#ready?.resolve()
    if (message.type === 'stopped') return this.#ended?.resolve()
    if (message.type === 'log') return this.#options.log[message.level](message.fields, message.message)
    if (!('id' in message)) return
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    waiting?.resolve(message)
  }

  #onExit(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return
    const { clock, log } = this.#options
    this.#worker = undefined
    this.#ended?.resolve()
    for (const { reject } of this.#waiting.values()) reject(new Error('the thread that collects logs has ended'))
    this.#waiting.clear()
    if (this.#isStopping) return
    // What never worked is for whoever started it to know.
    if (this.#restarts === 0 && this.#ready !== undefined) this.#ready.reject(new Error(`logs can not be collected: ${reason}`))
    if (clock.monotonic() - this.#startedAt > steadyMs) this.#backoff.reset()
    const delayMs = this.#backoff.next()
    this.#restarts++
    log.error(
      { reason, delayMs: Math.round(delayMs) },
      'the thread that collects logs has ended and is started again: it reads on from what was acknowledged',
    )
    clock.setTimer(delayMs, () => {
      if (!this.#isStopping) this.#spawn()
    })
  }
}
