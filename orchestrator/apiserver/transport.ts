import type { Clock } from '../../lib/clock.ts'
import type { KubeObject, WatchEvent } from '../api/object.ts'
import { badRequest } from '../api/status-error.ts'
import type { Transport, TransportRequest } from '../client/client.ts'
import { loopbackUser } from './auth/user.ts'
import type { Handler } from './handler.ts'
import type { Answer, ApiRequest } from './request.ts'
import { parseAccept } from './rest/negotiation.ts'
import { parseRequestInfo } from './rest/request-info.ts'
import { streamValues } from './watch/value-watch.ts'

const userAgent = 'binnacle-server'

/**
 * The way into the server for parts of the same process: everything but the network and the encoding is the same as over
 * HTTPS. Objects are handed over by reference and must not be changed.
 */
export function createLocalTransport(handler: Handler, clock: Clock): Transport {
  return {
    request: async (request) => {
      request.signal?.throwIfAborted()
      const answer = await handler.handle(toApiRequest(request))
      return valueOf(answer, request)
    },
    stream: (request, signal) => stream(handler, clock, request, signal),
  }
}

async function* stream(
  handler: Handler,
  clock: Clock,
  request: TransportRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<KubeObject>> {
  const answer = await handler.handle(toApiRequest({ ...request, query: { ...request.query, watch: 'true' } }))
  if (answer.type === 'watch') yield* streamValues(answer.plan, clock, signal)
  else if (answer.type === 'proxy') yield* answer.stream(signal)
  else throw badRequest(`${request.path} cannot be watched`)
}

function toApiRequest({ method, path, query, body, contentType }: TransportRequest): ApiRequest {
  const parameters = new URLSearchParams(query)
  const info = parseRequestInfo(method, path, parameters)
  if (info === undefined) throw badRequest(`the path ${JSON.stringify(path)} is not percent-encoded correctly`)
  return {
    info,
    query: parameters,
    user: loopbackUser,
    accepted: parseAccept(undefined)[0]!,
    userAgent,
    body: body === undefined ? undefined : { value: body, contentType: contentType ?? 'application/json' },
    warnings: [],
  }
}

function valueOf(answer: Answer, request: TransportRequest): unknown {
  switch (answer.type) {
    case 'object':
      return answer.object
    case 'list': {
      const { apiVersion, kind, metadata, items } = answer
      return { apiVersion, kind, metadata, items: items.map(({ object }) => object) }
    }
    case 'bytes':
      return answer.contentType.startsWith('application/json') ? JSON.parse(answer.bytes.toString()) : answer.bytes.toString()
    case 'proxy':
      return answer.request(
        request.body === undefined ? undefined : { value: request.body, contentType: request.contentType ?? 'application/json' },
      )
    case 'watch':
      throw badRequest(`${request.path} is a watch: use stream`)
  }
}
