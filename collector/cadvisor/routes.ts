import type { Clock } from '../../lib/clock.ts'
import type { WebReply, WebRequest, WebServer } from '../http/web.ts'
import { answer, TextAnswer } from './api.ts'
import type { ApiSource } from './api.ts'
import { EventStreams } from './event-stream.ts'
import { parseEventRequest } from './events.ts'
import { CadvisorError } from './request.ts'
import type { Query } from './request.ts'

export interface CadvisorApiOptions extends ApiSource {
  readonly clock: Clock
  readonly send: (request: WebRequest, reply: WebReply, type: string, text: string) => Promise<WebReply>
}

/** Versions that have events. */
const withEvents = new Set(['v1.3', 'v2.0', 'v2.1'])

/** Mounts cAdvisor's REST API under `/api`. Requests come as GET, or as POST with a JSON body, whatever its content type says. */
export function registerCadvisorApi(instance: WebServer, options: CadvisorApiOptions): void {
  const { clock, send, ...api } = options
  const streams = new EventStreams({ clock, store: api.source.store })
  instance.onClose(() => streams.stop())
  const handle = async (request: WebRequest, reply: WebReply) => {
    const [apiVersion = '', type = '', ...rest] = pathOf(request).split('/')
    const name = `/${rest.join('/')}`.replace(/(?<=.)\/$/, '')
    const query = firstValues(request.query)
    try {
      if (type === 'events' && withEvents.has(apiVersion)) {
        const wanted = parseEventRequest(name, query)
        if (wanted.isStream) return streams.serve(request, reply, wanted)
      }
      const result = await answer(apiVersion, type, { ...api, nowMs: clock.now(), name, query, body: parseBody(request.body) })
      if (result instanceof TextAnswer) return await send(request, reply, result.type, result.text)
      return await send(request, reply, 'application/json', JSON.stringify(result))
    } catch (error) {
      if (!(error instanceof CadvisorError)) throw error
      return reply.code(error.status).type('text/plain; charset=utf-8').send(`${error.message}\n`)
    }
  }
  for (const path of ['/api', '/api/*']) {
    instance.get(path, handle)
    instance.post(path, handle)
  }
}

/** A parameter that is given several times has its first value, as upstream. */
function firstValues(query: WebRequest['query']): Query {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]))
}

function pathOf({ params }: WebRequest): string {
  return params['*']
}

function parseBody(body: string): unknown {
  if (body.trim() === '') return undefined
  try {
    return JSON.parse(body)
  } catch {
    throw new CadvisorError('body: malformed JSON')
  }
}
