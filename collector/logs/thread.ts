import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { join } from 'node:path'
import { systemClock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import type { LogAnswer, LogContext, LogFigure, LogRequest, LogRoutes } from './context.ts'
import { Pipeline } from './pipeline.ts'
import type { FromThread, ThreadData, ToThread } from './protocol.ts'
import type { LogSink } from './sinks/sink.ts'
import type { LogStore } from './store/store.ts'

/** The pipeline on a thread of its own: what is said to it, and what it says. */
class PipelineThread {
  readonly #port: MessagePort
  readonly #pipeline: Pipeline
  readonly #routes: LogRoutes
  readonly #log: Log
  /** Answers in parts that somebody is still reading. */
  readonly #open = new Map<number, { readonly parts: AsyncIterator<string | Buffer> | undefined; readonly abort: AbortController }>()

  constructor(port: MessagePort, { settings }: ThreadData, { context, sinks, store }: ThreadParts) {
    this.#port = port
    this.#log = context.log
    this.#pipeline = new Pipeline({ context, settings, sinks, moreFigures: () => [...memoryFigures(), ...(store?.figures() ?? [])] })
    this.#routes = { '/status': async () => this.#status(), ...store?.routes }
  }

  async start(): Promise<void> {
    this.#port.on('message', (message: ToThread) => this.#onMessage(message))
    await this.#pipeline.start()
    this.#send({ type: 'ready' })
  }

  #status(): LogAnswer {
    return { code: 200, type: 'application/json', body: JSON.stringify(this.#pipeline.status()) }
  }

  #onMessage(message: ToThread): void {
    switch (message.type) {
      case 'container':
        return this.#pipeline.updateContainer(message.record)
      case 'pod':
        return this.#pipeline.updatePod(message.uid, message.facts)
      case 'figures':
        return this.#send({ type: 'families', id: message.id, families: this.#pipeline.families() })
      case 'ask':
        return void this.#answer(message.id, message.request)
      case 'next':
        return void this.#sendPart(message.id)
      case 'leave':
        return this.#leave(message.id)
      case 'stop':
        return void this.#stop()
    }
  }

  async #answer(id: number, request: LogRequest): Promise<void> {
    const abort = new AbortController()
    try {
      const route = Object.hasOwn(this.#routes, request.path) ? this.#routes[request.path] : undefined
      const answer = (await route?.(request, abort.signal)) ?? { code: 404, type: 'text/plain; charset=utf-8', body: 'no such page\n' }
      const { code, type, body } = answer
      const isWhole = typeof body === 'string' || Buffer.isBuffer(body)
      if (!isWhole) this.#open.set(id, { parts: body[Symbol.asyncIterator](), abort })
      this.#send({ type: 'answer', id, answer: { code, type, body: isWhole ? body : undefined } })
    } catch (err) {
      this.#log.error({ err, path: request.path }, 'a question about logs could not be answered')
      this.#send({ type: 'answer', id, answer: { code: 500, type: 'text/plain; charset=utf-8', body: 'internal error\n' } })
    }
  }

  async #sendPart(id: number): Promise<void> {
    const open = this.#open.get(id)
    let part: string | Buffer | undefined
    try {
      const next = await open?.parts?.next()
      part = next === undefined || next.done === true ? undefined : next.value
    } catch (err) {
      this.#log.warn({ err }, 'an answer about logs broke off')
    }
    if (part === undefined) this.#open.delete(id)
    this.#send({ type: 'part', id, part })
  }

  #leave(id: number): void {
    const open = this.#open.get(id)
    this.#open.delete(id)
    open?.abort.abort()
    void open?.parts?.return?.().catch(() => {})
  }

  async #stop(): Promise<void> {
    for (const id of Array.from(this.#open.keys())) this.#leave(id)
    await this.#pipeline.stop()
    this.#send({ type: 'stopped' })
    this.#port.close()
  }

  #send(message: FromThread): void {
    this.#port.postMessage(message, [])
  }
}

/** What this thread holds, of the memory of its process. */
function memoryFigures(): readonly LogFigure[] {
  const { heapTotal, arrayBuffers } = process.memoryUsage()
  return [
    { name: 'thread_heap_bytes', type: 'gauge', help: 'Memory of the objects of the thread that collects logs', value: heapTotal },
    { name: 'thread_buffer_bytes', type: 'gauge', help: 'Memory of the buffers of the thread that collects logs', value: arrayBuffers },
  ]
}

interface ThreadParts {
  readonly context: LogContext
  readonly sinks: readonly LogSink[]
  readonly store: LogStore | undefined
}

/** What is not wanted is not loaded either: a thread has everything once more. */
async function createParts({ nodeName, dataFolder, sinks, store: storeSettings }: ThreadData, log: Log): Promise<ThreadParts> {
  const context: LogContext = { clock: systemClock, random: systemRandom, log, nodeName, dataFolder }
  const folder = join(dataFolder, 'store')
  const store =
    storeSettings === undefined
      ? undefined
      : (await import('./store/store.ts')).createLogStore({ folder, clock: systemClock, log, ...storeSettings })
  const created = sinks.length === 0 ? [] : (await import('./sinks/sinks.ts')).createLogSinks(sinks, context)
  return { context, store, sinks: [...created, ...(store === undefined ? [] : [store.sink])] }
}

/** Log lines are written by the thread that owns the process. */
function forwardLog(fields: Readonly<Record<string, unknown>>, send: (message: FromThread) => void): Log {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (more: object, message: string) =>
    send({ type: 'log', level, fields: plain({ ...fields, ...more }), message })
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => forwardLog({ ...fields, ...more }, send),
  }
}

/** What can be sent: errors can, functions can't. */
function plain(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? toSendable(value) : typeof value === 'function' ? undefined : value,
    ]),
  )
}

/** Errors of our own classes would arrive without their code. */
function toSendable(error: Error & { code?: unknown }): object {
  const { name, message, stack, code } = error
  return { type: name, message, stack, ...(typeof code === 'string' ? { code } : {}) }
}

if (parentPort !== null) {
  const port = parentPort
  const fail = (error: unknown) =>
    port.postMessage({ type: 'failed', message: error instanceof Error ? error.message : String(error) } satisfies FromThread, [])
  try {
    const data = workerData as ThreadData
    const log = forwardLog({}, (message) => port.postMessage(message, []))
    await new PipelineThread(port, data, await createParts(data, log)).start()
  } catch (error) {
    fail(error)
    port.close()
  }
}
