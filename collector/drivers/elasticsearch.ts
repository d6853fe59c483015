import type { Clock } from '../../lib/clock.ts'
import { authorizationHeader, HttpPoster, isTemporary, type HttpAnswer } from '../../lib/http-poster.ts'
import { postTimeoutMs, type ContainerSample, type Driver, type DriverOptions, type EncodedBody, type WriteOutcome } from './driver.ts'

/** Documents in one request. */
const maxDocuments = 1000
/** A bulk answer has a few bytes per document. */
const maxAnswerBytes = 4 << 20

/** Elasticsearch's `_bulk`: a document per sample. Ids are made of container and time, so that what is sent twice is stored once. */
export function createElasticsearchDriver(options: Extract<DriverOptions, { kind: 'elasticsearch' }>, clock: Clock): Driver {
  const poster = new HttpPoster({
    url: new URL(`${options.url}/_bulk?filter_path=errors,items.*.status`),
    headers: { ...authorizationHeader(options), 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
    tls: {},
    clock,
    timeoutMs: postTimeoutMs,
    maxAnswerBytes,
  })
  return {
    kind: 'elasticsearch',
    isImmediate: false,
    isCompressed: true,
    encode: (samples) => encode(samples, options.index),
    write: async ({ bytes, points }, signal) => outcomeOf(await poster.post(bytes, signal), points),
    close: () => poster.close(),
  }
}

function encode(samples: readonly ContainerSample[], index: string): EncodedBody[] {
  const bodies: EncodedBody[] = []
  for (let start = 0; start < samples.length; start += maxDocuments) {
    const part = samples.slice(start, start + maxDocuments)
    const lines = part.map((sample) => `${JSON.stringify(actionOf(sample, index))}\n${JSON.stringify(documentOf(sample))}\n`)
    bodies.push({ bytes: Buffer.from(lines.join('').toWellFormed()), points: part.reduce((sum, { points }) => sum + points.length, 0) })
  }
  return bodies
}

/** Longest id that Elasticsearch takes, in bytes, with room for the time. */
const maxIdLength = 400

function actionOf({ tags, id, timestampMs }: ContainerSample, index: string): object {
  return { index: { _index: index, _id: `${`${tags['machine']}${id}`.slice(-maxIdLength)}@${timestampMs}` } }
}

/** Upstream's document, its odd spelling included; figures of an interface or a disk are an object by its name. */
function documentOf({ timestampMs, tags, containerName, points }: ContainerSample): object {
  const { machine, container_name: _, ...labels } = tags
  const stats: Record<string, number | Record<string, number>> = {}
  for (const { measurement, value, tags: own } of points) {
    if (own === undefined) stats[measurement] = value
    else
      stats[measurement] = {
        ...(stats[measurement] as Record<string, number> | undefined),
        [Object.values(own).join('_').replaceAll('.', '_')]: value,
      }
  }
  return {
    timestamp: new Date(timestampMs).toISOString(),
    machine_name: machine,
    container_Name: containerName,
    container_labels: labels,
    container_stats: stats,
  }
}

function outcomeOf({ status, body }: HttpAnswer, points: number): WriteOutcome {
  const reason = `${status} ${body.slice(0, 200)}`
  if (isTemporary(status)) return { result: 'retry', reason }
  if (status >= 300) return { result: 'done', lost: points, reason }
  const statuses = itemStatuses(body)
  if (statuses.some((of) => of === 429 || of >= 500)) return { result: 'retry', reason: 'documents were put off' }
  const refused = statuses.filter((of) => of >= 300).length
  if (refused === 0) return { result: 'done', lost: 0 }
  return {
    result: 'done',
    lost: Math.ceil((points * refused) / statuses.length),
    reason: `${refused} of ${statuses.length} documents were refused`,
  }
}

interface BulkAnswer {
  readonly errors?: boolean
  readonly items?: readonly Readonly<Record<string, { readonly status?: number }>>[]
}

/** The status of each document; none where all went well. */
function itemStatuses(text: string): number[] {
  try {
    const { errors, items = [] } = JSON.parse(text) as BulkAnswer
    return errors === true ? items.flatMap((item) => Object.values(item).map(({ status = 500 }) => status)) : []
  } catch {
    return []
  }
}
