import type { FastifyInstance } from 'fastify'
import { MatcherError } from '../routing/matcher.ts'
import type { MatchOperator } from '../routing/matcher.ts'
import { SilenceError, silenceState } from '../state/silence.ts'
import type { Silence, SilenceRequest, SilenceState } from '../state/silence.ts'
import { ApiError } from './api-error.ts'
import { formatTime, readList, readObject, readText, readTime } from './body.ts'
import { readFilters } from './query.ts'
import type { Query } from './query.ts'
import type { ApiContext } from './server.ts'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The order in which silences are listed. */
const rank: Readonly<Record<SilenceState, number>> = { active: 0, pending: 1, expired: 2 }

/** `/api/v2/silences` and `/api/v2/silence/{id}`. */
export function serveSilences(server: FastifyInstance, { clock, silences }: ApiContext): void {
  server.get('/api/v2/silences', (request) => {
    const filters = readFilters(request.query as Query)
    const now = clock.now()
    const found = silences
      .list()
      .filter((silence) =>
        filters.every((filter) =>
          silence.matchers.some(
            ({ name, operator, value }) => name === filter.name && operator === filter.operator && value === filter.value,
          ),
        ),
      )
    return found.sort((left, right) => compare(left, right, now)).map((silence) => show(silence, now))
  })
  server.post('/api/v2/silences', async (request) => {
    const silence = readSilence(request.body, clock.now())
    try {
      return { silenceID: await silences.set(silence) }
    } catch (err) {
      throw toApiError(err)
    }
  })
  server.get<{ Params: { id: string } }>('/api/v2/silence/:id', (request) => {
    const silence = silences.find(readId(request.params.id))
    if (silence === undefined) throw new ApiError(404, `silence ${request.params.id} not found`)
    return show(silence, clock.now())
  })
  server.delete<{ Params: { id: string } }>('/api/v2/silence/:id', async (request, reply) => {
    try {
      await silences.expire(readId(request.params.id))
    } catch (err) {
      throw toApiError(err)
    }
    return reply.code(200).send()
  })
}

function show(silence: Silence, now: number) {
  return {
    id: silence.id,
    status: { state: silenceState(silence, now) },
    updatedAt: formatTime(silence.updatedAt),
    comment: silence.comment,
    createdBy: silence.createdBy,
    endsAt: formatTime(silence.endsAt),
    matchers: silence.matchers.map(({ name, operator, value }) => ({
      isEqual: operator === '=' || operator === '=~',
      isRegex: operator === '=~' || operator === '!~',
      name,
      value,
    })),
    startsAt: formatTime(silence.startsAt),
  }
}

function readSilence(body: unknown, now: number): SilenceRequest {
  const fields = readObject(body, 'silence')
  const endsAt = readTime(fields['endsAt'], 'endsAt')
  if (endsAt === undefined) throw new ApiError(400, 'endsAt in body is required')
  const id = readText(fields['id'], 'id', '')
  const matchers = readList(fields['matchers'], 'matchers').map((item, index) => {
    const matcher = readObject(item, `matchers[${index}]`)
    const operator = `${matcher['isEqual'] === false ? '!' : ''}${matcher['isRegex'] === true ? '~' : '='}`
    return {
      name: readText(matcher['name'], `matchers[${index}].name`),
      operator: ({ '=': '=', '~': '=~', '!=': '!=', '!~': '!~' } as Record<string, MatchOperator>)[operator]!,
      value: readText(matcher['value'], `matchers[${index}].value`),
    }
  })
  return {
    ...(id !== '' && { id: readId(id) }),
    matchers,
    startsAt: readTime(fields['startsAt'], 'startsAt') ?? now,
    endsAt,
    createdBy: readText(fields['createdBy'], 'createdBy', ''),
    comment: readText(fields['comment'], 'comment', ''),
  }
}

function readId(text: string): string {
  if (uuidPattern.test(text)) return text.toLowerCase()
  throw new ApiError(422, `silenceID in path must be of type uuid: ${JSON.stringify(text)}`, 601)
}

function toApiError(err: unknown): unknown {
  if (err instanceof MatcherError) return new ApiError(400, err.message)
  return err instanceof SilenceError ? new ApiError(err.reason === 'not-found' ? 404 : 400, err.message) : err
}

function compare(left: Silence, right: Silence, now: number): number {
  const [leftState, rightState] = [silenceState(left, now), silenceState(right, now)]
  if (leftState !== rightState) return rank[leftState] - rank[rightState]
  if (leftState === 'active') return left.endsAt - right.endsAt
  return leftState === 'pending' ? left.startsAt - right.startsAt : right.endsAt - left.endsAt
}
