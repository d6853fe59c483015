import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../lib/clock.ts'
import { answer, TextAnswer } from './api.ts'
import type { ApiSource } from './api.ts'
import { EventStreams } from './event-stream.ts'
import { parseEventRequest } from './events.ts'
import { CadvisorError } from './request.ts'
import type { Query } from './request.ts'

export interface CadvisorApiOptions extends ApiSource {
  readonly clock: Clock
  readonly send: (request: FastifyRequest, reply: FastifyReply, type: string, text: string) => Promise<FastifyReply>
}

/** Versions that have events. */
const withEvents = new Set(['v1.3', 'v2.0', 'v2.1'])

/** Mounts cAdvisor's REST API under `/api`. Requests come as GET, or as POST with a JSON body, whatever its content type says. */
export function registerCadvisorApi(instance: FastifyInstance, options: CadvisorApiOptions): void {
  const { clock, send, ...api } = options
  const streams = new EventStreams({ clock, store: api.source.store })
  instance.addHook('preClose', async () => streams.stop())
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body)
  })
  const handle = async (request: FastifyRequest, reply: FastifyReply) => {
    const [apiVersion = '', type = '', ...rest] = pathOf(request).split('/')
    const name = `/${rest.join('/')}`.replace(/(?<=.)\/$/, '')
    const query = firstValues(request.query as Record<string, string | string[]>)
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
  for (const url of ['/api', '/api/*']) instance.route({ method: ['GET', 'POST'], url, handler: handle })
}

/** A parameter that is given several times has its first value, as upstream. */
function firstValues(query: Readonly<Record<string, string | string[]>>): Query {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]))
}

function pathOf({ params }: FastifyRequest): string {
  return (params as { readonly '*'?: string })['*'] ?? ''
}

function parseBody(body: unknown): unknown {
  if (typeof body !== 'string' || body.trim() === '') return undefined
  try {
    return JSON.parse(body)
  } catch {
    throw new CadvisorError('body: malformed JSON')
  }
}
