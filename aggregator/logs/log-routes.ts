import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { contentTypes, encodeRecords } from '../../collector/logs/store/answer.ts'
import { LogQueryError, parseLogQuery } from '../../collector/logs/store/log-query.ts'
import type { LogParameters, LogQuery } from '../../collector/logs/store/log-query.ts'
import type { Clock } from '../../lib/clock.ts'
import type { NodeLogAccounts } from './log-accounts.ts'
import type { LogSearch } from './log-search.ts'

/** Where lines of all nodes are found. */
export const logsPath = '/api/v1/logs'
/** Where every node's accounts are. */
export const logStatusPath = `${logsPath}/status`
const localNames = new Set(['localhost', '127.0.0.1', '[::1]'])
/** A search holds a connection to every node. */
const maxSearches = 64

interface LogDoorOptions {
  readonly search: LogSearch
  readonly accounts: () => Promise<readonly NodeLogAccounts[]>
  readonly clock: Clock
}

/** What answers searches for logs, and questions about what became of lines, over whichever server. */
export class LogDoor {
  readonly #search: LogSearch
  readonly #accounts: LogDoorOptions['accounts']
  readonly #clock: Clock
  #open = 0

  constructor(options: LogDoorOptions) {
    this.#search = options.search
    this.#accounts = options.accounts
    this.#clock = options.clock
  }

  /** Throws `LogQueryError`. */
  read(parameters: LogParameters): LogQuery {
    return parseLogQuery(parameters, this.#clock.now())
  }

  /** What became of the lines of every node. */
  async status(): Promise<{ readonly nodes: readonly NodeLogAccounts[] }> {
    return { nodes: await this.#accounts() }
  }

  /** Streams the answer; the client's leaving ends the search. */
  answer(query: LogQuery, reply: FastifyReply): FastifyReply {
    if (this.#open >= maxSearches)
      return reply.code(503).header('retry-after', '5').type(contentTypes.plain).send(`${maxSearches} searches are under way already\n`)
    this.#open++
    const left = new AbortController()
    reply.raw.once('close', () => {
      this.#open--
      left.abort()
    })
    const body = Readable.from(encodeRecords(this.#search.query(query, left.signal), query.format), { objectMode: true, highWaterMark: 1 })
    return reply.type(contentTypes[query.format]).header('cache-control', 'no-store').header('x-content-type-options', 'nosniff').send(body)
  }
}

/**
 * `GET /api/v1/logs`, and `/status` below it, without credentials: only where the server listens on loopback, and only for requests that name this machine, so that no web site
 * can read logs through a name of its own.
 */
export function registerLogRoute(server: FastifyInstance, door: LogDoor, host: string): void {
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    const problem = whyRefused(request, host)
    return problem === undefined ? undefined : reply.code(403).type(contentTypes.plain).send(`${problem}\n`)
  }
  server.get(logStatusPath, { onRequest }, () => door.status())
  server.get(logsPath, { onRequest }, (request, reply) => {
    try {
      return door.answer(door.read(request.query as LogParameters), reply)
    } catch (error) {
      if (!(error instanceof LogQueryError)) throw error
      return reply.code(400).type(contentTypes.plain).send(`${error.message}\n`)
    }
  })
}

function whyRefused(request: FastifyRequest, host: string): string | undefined {
  if (host !== 'localhost' && host !== '::1' && !/^127(?:\.\d{1,3}){3}$/.test(host))
    return `logs are not served here without credentials; ask ${logsPath} on the port of the metrics APIs`
  const name = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
  return localNames.has(name) ? undefined : `host ${JSON.stringify(name)}: use localhost or 127.0.0.1`
}
