import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../lib/clock.ts'
import type { Source } from '../source.ts'
import { answer } from './api.ts'
import { CadvisorError } from './request.ts'

export interface CadvisorApiOptions {
  readonly clock: Clock
  readonly source: Source
  readonly version: string
  readonly send: (request: FastifyRequest, reply: FastifyReply, type: string, text: string) => Promise<FastifyReply>
}

/** Mounts cAdvisor's REST API under `/api`. Requests come as GET, or as POST with a JSON body, whatever its content type says. */
export function registerCadvisorApi(instance: FastifyInstance, { clock, source, version, send }: CadvisorApiOptions): void {
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body)
  })
  const handle = async (request: FastifyRequest, reply: FastifyReply) => {
    const [apiVersion = '', type = '', ...rest] = pathOf(request).split('/')
    const name = `/${rest.join('/')}`.replace(/(?<=.)\/$/, '')
    try {
      const call = {
        source,
        version,
        nowMs: clock.now(),
        name,
        query: request.query as Record<string, unknown>,
        body: parseBody(request.body),
      }
      return await send(request, reply, 'application/json', JSON.stringify(answer(apiVersion, type, call)))
    } catch (error) {
      if (!(error instanceof CadvisorError)) throw error
      return reply.code(error.status).type('text/plain; charset=utf-8').send(`${error.message}\n`)
    }
  }
  for (const url of ['/api', '/api/*']) instance.route({ method: ['GET', 'POST'], url, handler: handle })
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
