import type { Clock } from '../../lib/clock.ts'
import type { KubeObject, WatchEvent } from '../api/object.ts'
import { badRequest, statusOf } from '../api/status-error.ts'
import type { Transport, TransportRequest } from '../client/client.ts'
import type { AuditRecord, Auditor } from './audit/auditor.ts'
import type { User } from './auth/user.ts'
import type { Handler } from './handler.ts'
import type { Answer, ApiRequest } from './request.ts'
import { parseAccept } from './rest/negotiation.ts'
import { parseRequestInfo } from './rest/request-info.ts'
import { streamValues } from './watch/value-watch.ts'

const userAgent = 'binnacle-server'

export interface LocalTransportOptions {
  readonly handler: Handler
  /** Who asks. */
  readonly user: User
  readonly clock: Clock
  /** Absent: nothing is written down. */
  readonly auditor: Auditor | undefined
}

/**
 * The way into the server for parts of the same process: everything but the network and the encoding is the same as over
 * HTTPS. Objects are handed over by reference and must not be changed.
 */
export function createLocalTransport(options: LocalTransportOptions): Transport {
  const { handler, auditor } = options
  return {
    request: async (request) => {
      request.signal?.throwIfAborted()
      const asked = toApiRequest(request, options)
      const record = begin(asked, request, options)
      try {
        const answer = await handler.handle(withRecord(asked, record))
        record?.setAnswer(answer)
        const value = await valueOf(answer, request)
        record?.complete('code' in answer ? answer.code : 200)
        return value
      } catch (error) {
        record?.complete(statusOf(error)?.code ?? 500, error)
        throw error
      } finally {
        if (record !== undefined) await auditor!.settled()
      }
    },
    stream: (request, signal) => stream({ ...request, query: { ...request.query, watch: 'true' } }, options, signal),
  }
}

async function* stream(
  request: TransportRequest,
  options: LocalTransportOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<KubeObject>> {
  const asked = toApiRequest(request, options)
  const record = begin(asked, request, options)
  try {
    const answer = await options.handler.handle(withRecord(asked, record))
    record?.write('ResponseStarted', 200)
    await options.auditor?.settled()
    if (answer.type === 'watch') yield* streamValues(answer.plan, options.clock, signal)
    else if (answer.type === 'proxy') yield* answer.stream(signal)
    else throw badRequest(`${request.path} cannot be watched`)
  } catch (error) {
    record?.complete(statusOf(error)?.code ?? 500, error)
    throw error
  } finally {
    record?.complete(200)
    await options.auditor?.settled()
  }
}

function begin(
  { info, query, user, body }: ApiRequest,
  { path }: TransportRequest,
  { auditor }: LocalTransportOptions,
): AuditRecord | undefined {
  const url = query.size === 0 ? path : `${path}?${query.toString()}`
  const record = auditor?.begin({ url, userAgent, info, user, remoteAddress: '' })
  record?.setBody(body)
  return record
}

const withRecord = (asked: ApiRequest, audit: AuditRecord | undefined): ApiRequest => (audit === undefined ? asked : { ...asked, audit })

function toApiRequest({ method, path, query, body, contentType }: TransportRequest, { user }: LocalTransportOptions): ApiRequest {
  const parameters = new URLSearchParams(query)
  const info = parseRequestInfo(method, path, parameters)
  if (info === undefined) throw badRequest(`the path ${JSON.stringify(path)} is not percent-encoded correctly`)
  return {
    info,
    query: parameters,
    user,
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
