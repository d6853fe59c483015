import type { FastifyInstance } from 'fastify'
import { ApiError } from './api-error.ts'
import { formatTime } from './body.ts'
import { readParameter } from './query.ts'
import type { Query } from './query.ts'
import { explain } from './explain.ts'
import type { ApiContext } from './server.ts'

const defaultLimit = 200
const maxLimit = 5000

/** `/api/v1/journal`: what happened, oldest first: why somebody was notified, or was not. With `alert`, `steps` says where it stands now. */
export function serveJournal(server: FastifyInstance, context: ApiContext): void {
  const { journal } = context
  server.get('/api/v1/journal', async (request) => {
    const query = request.query as Query
    const [alert, receiver, notification] = ['alert', 'receiver', 'notification'].map((name) => readParameter(query, name))
    const since = readSince(readParameter(query, 'since'))
    const entries = await journal.entries({
      limit: readLimit(readParameter(query, 'limit')),
      ...(alert !== undefined && { alert }),
      ...(receiver !== undefined && { receiver }),
      ...(notification !== undefined && { notification }),
      ...(since !== undefined && { since }),
    })
    const steps = alert === undefined ? {} : { steps: explain(context, alert) }
    return { ...steps, entries: entries.map((entry) => ({ ...entry, time: formatTime(entry.time) })) }
  })
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return defaultLimit
  const limit = /^\d+$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= maxLimit) return limit
  throw new ApiError(400, `limit in query must be a whole number from 1 to ${maxLimit}, not ${JSON.stringify(text)}`)
}

function readSince(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (!Number.isNaN(ms)) return ms
  throw new ApiError(400, `since in query must be a time such as 2030-01-01T00:00:00Z, not ${JSON.stringify(text)}`)
}
