import type { ContainerSample, Driver, DriverOptions, EncodedBody, WriteOutcome } from './driver.ts'
import { createPoster, isTemporary, type Answer } from './http-post.ts'

/** Documents in one request. */
const maxDocuments = 1000

/** Elasticsearch's `_bulk`: a document per sample. Ids are made of container and time, so that what is sent twice is stored once. */
export function createElasticsearchDriver(options: Extract<DriverOptions, { kind: 'elasticsearch' }>): Driver {
  const poster = createPoster(options)
  return {
    kind: 'elasticsearch',
    isImmediate: false,
    isCompressed: true,
    encode: (samples) => encode(samples, options.index),
    write: async ({ bytes, points }, signal) => {
      const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }
      const answer = await poster.post(`${options.url}/_bulk?filter_path=errors,items.*.status`, headers, bytes, signal)
      return outcomeOf(answer, points)
    },
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

function outcomeOf(answer: Answer, points: number): WriteOutcome {
  if (isTemporary(answer.status)) return { result: 'retry', reason: `${answer.status} ${answer.text.slice(0, 200)}` }
  if (answer.status >= 300) return { result: 'done', lost: points, reason: `${answer.status} ${answer.text.slice(0, 200)}` }
  const statuses = itemStatuses(answer.text)
  if (statuses.some((status) => status === 429 || status >= 500)) return { result: 'retry', reason: 'documents were put off' }
  const refused = statuses.filter((status) => status >= 300).length
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
