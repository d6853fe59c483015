import type { Clock, Timer } from '../../lib/clock.ts'
import type { ContainerEvent } from '../events/event-log.ts'
import type { WebReply, WebRequest } from '../http/web.ts'
import type { StatsStore } from '../stats-store.ts'
import { eventJson } from './events.ts'
import type { EventRequest } from './events.ts'
import { CadvisorError } from './request.ts'

/** How events are written: upstream's JSON objects one after the other, lines of JSON with an id, or server-sent events. */
type Format = 'json' | 'ndjson' | 'sse'

const contentTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  sse: 'text/event-stream; charset=utf-8',
}

const maxStreams = 100

/** A reader that is this far behind is cut off; with an id it can go on where it was. */
const maxUnsentBytes = 1024 * 1024

/** Proxies and clients take a stream that is silent for long for dead. */
const quietMs = 15_000

/** Streams of events that are open, bounded in number and in what waits unsent. */
export class EventStreams {
  readonly #clock: Clock
  readonly #store: StatsStore
  readonly #open = new Set<WebReply>()

  constructor(options: { readonly clock: Clock; readonly store: StatsStore }) {
    this.#clock = options.clock
    this.#store = options.store
  }

  /**
   * Answers with events as they come, until the client goes. With `Last-Event-ID`, or `last_event_id` in the query, what came after that
   * event and is still kept comes first.
   */
  serve(request: WebRequest, reply: WebReply, wanted: EventRequest): WebReply {
    if (this.#open.size >= maxStreams) throw new CadvisorError(`${maxStreams} streams of events are open already`, 503)
    const format = formatOf(request.headers.accept ?? '')
    const lastId = lastIdOf(request)
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { 'content-type': contentTypes[format], 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    raw.flushHeaders()
    this.#open.add(reply)
    let timer: Timer | undefined
    const write = (text: string) => {
      if (raw.writableLength > maxUnsentBytes) raw.destroy()
      else raw.write(text)
    }
    const keepAlive = () => {
      if (format === 'sse') write(': still here\n\n')
      timer = this.#clock.setTimer(quietMs, keepAlive)
    }
    const send = (event: ContainerEvent) => {
      if (wanted.types.has(event.type) && wanted.isAsked(event))
        write(format === 'json' ? `${JSON.stringify(eventJson(event))}\n` : framed(event, format))
    }
    const stopFollowing = this.#store.events.follow(send)
    const end = () => {
      stopFollowing()
      timer?.cancel()
      this.#open.delete(reply)
    }
    raw.on('error', end)
    raw.on('close', end)
    if (lastId !== undefined) for (const event of this.#store.events.list(wanted.types)) if (event.id > lastId) send(event)
    timer = this.#clock.setTimer(quietMs, keepAlive)
    return reply
  }

  /** Ends every stream. */
  stop(): void {
    for (const reply of this.#open) reply.raw.end()
    this.#open.clear()
  }
}

function formatOf(accept: string): Format {
  if (accept.includes('text/event-stream')) return 'sse'
  return accept.includes('ndjson') ? 'ndjson' : 'json'
}

function framed(event: ContainerEvent, format: 'ndjson' | 'sse'): string {
  if (format === 'ndjson') return `${JSON.stringify({ id: event.id, ...eventJson(event) })}\n`
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(eventJson(event))}\n\n`
}

function lastIdOf(request: WebRequest): number | undefined {
  const value = request.headers['last-event-id'] ?? request.query['last_event_id']
  if (value === undefined || value === '') return undefined
  const id = Number(value)
  if (!Number.isSafeInteger(id) || id < 0)
    throw new CadvisorError(`Last-Event-ID: ${JSON.stringify(value)} is not allowed, the id of an event is`)
  return id
}
