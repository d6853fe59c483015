import type { Clock } from '../../../lib/clock.ts'
import type { LogAnswer } from '../context.ts'
import { formatPlace } from './log-archive.ts'
import type { LogArchive, LogPlace, LogView } from './log-archive.ts'
import { LogQueryError } from './log-query.ts'
import type { LogParameters, LogQuery } from './log-query.ts'
import { formatPlain, toLineRecord } from './log-records.ts'
import type { LogRecord } from './log-records.ts'
import { followLogs, searchLogs } from './search.ts'
import type { FoundLine } from './search.ts'

interface AnswerContext {
  readonly archive: LogArchive
  readonly clock: Clock
  /** Searches that are under way. */
  readonly open: { count: number }
}

/** Each search may hold 32 MiB; those beyond are told so. */
const maxSearches = 64

/** A merger that hears nothing for longer takes this node for gone. */
const signMs = 5000

/** Answers a GET with the stored lines that its parameters want, which `parse` reads: 200 and a body in parts, or 400 and a sentence. */
export async function answerLogQuery(
  context: AnswerContext,
  { parse, parameters }: { readonly parse: (parameters: LogParameters, now: number) => LogQuery; readonly parameters: LogParameters },
  signal: AbortSignal,
): Promise<LogAnswer> {
  let query: LogQuery
  try {
    query = parse(parameters, context.clock.now())
  } catch (error) {
    if (!(error instanceof LogQueryError)) throw error
    return { code: 400, type: 'text/plain; charset=utf-8', body: `${error.message}\n` }
  }
  return { code: 200, type: contentTypes[query.format], body: encodeRecords(queryLogs(context, query, signal), query.format) }
}

export const contentTypes = { ndjson: 'application/x-ndjson', plain: 'text/plain; charset=utf-8' } as const

/** Records as text, many at a time. In plain text only lines and problems are shown. */
export async function* encodeRecords(chunks: AsyncIterable<readonly LogRecord[]>, format: LogQuery['format']): AsyncGenerator<string> {
  for await (const records of chunks) {
    let text = ''
    for (const record of records) text += format === 'ndjson' ? `${JSON.stringify(record)}\n` : plainOf(record)
    if (text !== '') yield text
  }
}

function plainOf(record: LogRecord): string {
  if ('text' in record) return formatPlain(record)
  const problems = 'end' in record ? record.end.problems : 'problem' in record ? [record] : []
  return problems.map(({ node, problem }) => `# incomplete: ${node === undefined ? '' : `${node}: `}${problem}\n`).join('')
}

/** The records of an answer, in chunks. */
export async function* queryLogs(context: AnswerContext, query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
  const { open } = context
  if (open.count >= maxSearches) {
    yield [{ end: { lines: 0, isCutAtLimit: false, problems: [{ problem: `${maxSearches} searches are under way already` }] } }]
    return
  }
  open.count++
  try {
    yield* answerOf(context, query, signal)
  } finally {
    open.count--
  }
}

async function* answerOf(context: AnswerContext, query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
  if (query.from !== undefined) {
    yield* follow(context, query, query.from, signal)
    return
  }
  const view = await context.archive.look()
  let lines: number
  try {
    lines = yield* storedLines(context, query, view, signal)
  } finally {
    view.release()
  }
  if (query.isFollowing) yield* follow(context, query, view.place, signal)
  else {
    const problems = context.archive.damaged.map((name) => ({ problem: `the file ${name} of the store is damaged` }))
    yield [{ end: { lines, isCutAtLimit: query.tail === undefined && lines >= query.limit, problems } }]
  }
}

/** What is stored already; says how many lines that were. */
async function* storedLines(
  { clock }: Pick<AnswerContext, 'clock'>,
  query: LogQuery,
  view: LogView,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[], number> {
  let lines = 0
  if (query.tail === undefined) {
    let lastSignAt = clock.monotonic()
    for await (const chunk of searchLogs(view, query, signal)) {
      lines += chunk.length
      if (chunk.length > 0) yield chunk.map(toLineRecord)
      else if (query.hasMarks && clock.monotonic() - lastSignAt > signMs / 5) yield [{ sign: clock.now() }]
      else continue
      lastSignAt = clock.monotonic()
    }
  } else {
    const newest: FoundLine[] = []
    const request = { filter: query.filter, limit: query.tail, direction: 'backward' } as const
    for await (const chunk of searchLogs(view, request, signal)) {
      newest.push(...chunk)
      if (query.hasMarks && chunk.length === 0) yield [{ sign: clock.now() }]
    }
    lines = newest.length
    yield newest.reverse().map(toLineRecord)
  }
  return lines
}

/** What comes behind a place; with marks also where that is, and signs of life. */
async function* follow(
  { archive, clock }: Pick<AnswerContext, 'archive' | 'clock'>,
  { filter, hasMarks }: LogQuery,
  from: LogPlace,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[]> {
  if (hasMarks) yield [{ live: formatPlace(from) }]
  const chunks = followLogs(archive, { filter, from, clock }, signal)
  let next = chunks.next()
  try {
    for (;;) {
      const chunk = hasMarks ? await withSigns(next, clock, signal) : await next
      if (chunk === 'quiet') {
        yield [{ sign: clock.now() }]
        continue
      }
      if (chunk.done === true) return
      const { lines, place } = chunk.value
      const marks = hasMarks ? [{ place: formatPlace(place) }] : []
      yield [...lines.map(toLineRecord), ...marks]
      next = chunks.next()
    }
  } finally {
    void next.then(() => chunks.return(undefined)).catch(() => {})
  }
}

async function withSigns<T>(next: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T | 'quiet'> {
  const over = new AbortController()
  try {
    return await Promise.race([next, clock.sleep(signMs, AbortSignal.any([over.signal, signal])).then(() => 'quiet' as const)])
  } finally {
    over.abort()
  }
}
