import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { DockerEngine, DockerEvent, DockerInfo, DockerInspection } from './docker-engine.ts'

/** Whether Docker answers, and why not. */
export type DockerState =
  | { readonly status: 'connecting' }
  | { readonly status: 'connected'; readonly info: DockerInfo }
  | { readonly status: 'degraded'; readonly reason: string }

/** Who is told about containers. Calls come one after the other. */
interface DockerListener {
  /** A container runs, or something about a running one has changed. */
  onRunning(inspection: DockerInspection): void
  /** A container has ended or is no longer there. */
  onEnded(id: string): void
  /** A container's first process has ended; `onEnded` follows. */
  onExit(id: string, exitCode: number): void
  /** The kernel killed a task of the container for want of memory. */
  onOom(id: string): void
}

export interface DockerSourceOptions {
  readonly clock: Clock
  readonly log: Log
  readonly engine: DockerEngine
  readonly listener: DockerListener
}

const initialRetryMs = 500
const maxRetryMs = 30_000

/** Inspections that run at the same time. */
const inspectors = 4

/** Events after which a container is inspected. */
const changes = new Set(['start', 'rename', 'update', 'unpause', 'pause'])

/**
 * Follows Docker: the event stream for life and death, one inspection per container and change. While Docker doesn't answer, what was
 * known stays known (the cgroups can still be read); after the reconnection it is put right by one list.
 */
export class DockerSource {
  readonly #options: DockerSourceOptions
  readonly #known = new Set<string>()
  readonly #pending = new Set<string>()
  #state: DockerState = { status: 'connecting' }
  #active = 0
  #reconnects = 0
  #inspections = 0

  constructor(options: DockerSourceOptions) {
    this.#options = options
  }

  get state(): DockerState {
    return this.#state
  }

  /** Counters for `/metrics`. */
  get counters(): { readonly reconnects: number; readonly inspections: number } {
    return { reconnects: this.#reconnects, inspections: this.#inspections }
  }

  /** Follows until the signal aborts, reconnecting with growing delays. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    let delayMs = initialRetryMs
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => (delayMs = initialRetryMs))
        if (!signal.aborted) this.#degrade('the event stream ended')
      } catch (error) {
        if (!signal.aborted) this.#degrade(error instanceof Error ? error.message : String(error))
      }
      if (signal.aborted) return
      log.debug({ delayMs }, 'reconnecting to Docker')
      await clock.sleep(delayMs, signal)
      delayMs = Math.min(delayMs * 2, maxRetryMs)
      this.#reconnects++
    }
  }

  /** One connection: events first, so that nothing between the list and the events is missed. Resolves when the stream ends. */
  async #follow(signal: AbortSignal, onConnected: () => void): Promise<void> {
    const { engine, log } = this.#options
    const connection = new AbortController()
    const stop = () => connection.abort()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const info = await engine.info()
      const ended = Promise.withResolvers<void>()
      await engine.events({ onEvent: (event) => this.#onEvent(event), onEnd: ended.resolve }, connection.signal)
      const running = new Set(await engine.running())
      for (const id of this.#known) if (!running.has(id)) this.#end(id)
      for (const id of running) this.#inspectSoon(id)
      if (this.#state.status !== 'connected') log.info({ version: info.version, containers: running.size }, 'connected to Docker')
      this.#state = { status: 'connected', info }
      onConnected()
      await ended.promise
    } finally {
      signal.removeEventListener('abort', stop)
      connection.abort()
    }
  }

  #onEvent({ action, containerId, exitCode }: DockerEvent): void {
    if (changes.has(action) || action.startsWith('health_status')) return this.#inspectSoon(containerId)
    if (action === 'oom') this.#options.listener.onOom(containerId)
    if (action === 'die' && exitCode !== undefined) this.#options.listener.onExit(containerId, exitCode)
    if (action === 'die' || action === 'destroy') this.#end(containerId)
  }

  #inspectSoon(id: string): void {
    this.#pending.add(id)
    if (this.#active < inspectors) void this.#inspectPending()
  }

  /** Works off the set of ids to inspect; an id that comes again while it waits is inspected once. */
  async #inspectPending(): Promise<void> {
    this.#active++
    for (const id of this.#pending) {
      this.#pending.delete(id)
      await this.#inspect(id)
    }
    this.#active--
  }

  async #inspect(id: string): Promise<void> {
    const { engine, listener, log } = this.#options
    this.#inspections++
    try {
      const inspection = await engine.inspect(id)
      if (inspection === undefined || !inspection.isRunning) return this.#end(id)
      this.#known.add(id)
      listener.onRunning(inspection)
    } catch (err) {
      // The stream ends too when Docker is gone, and the list after it puts this right.
      log.debug({ err, containerId: id }, 'inspection failed')
    }
  }

  #end(id: string): void {
    this.#pending.delete(id)
    if (this.#known.delete(id)) this.#options.listener.onEnded(id)
  }

  #degrade(reason: string): void {
    if (this.#state.status !== 'degraded') {
      this.#options.log.warn({ reason }, 'Docker does not answer: containers keep their figures, new ones have no names until it is back')
    }
    this.#state = { status: 'degraded', reason }
  }
}
