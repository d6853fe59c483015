import { ByteWriter } from '../../lib/byte-writer.ts'
import { encodeTags, escapeMeasurement } from '../../lib/line-protocol.ts'
import type { ContainerSample, Driver, DriverOptions, EncodedBody, WriteOutcome } from './driver.ts'
import { createPoster, isTemporary, type Answer } from './http-post.ts'

/** Points in one request. */
const maxPoints = 5000

/** InfluxDB 1.x: a measurement per figure with one field `value`, as cAdvisor's driver; the database is made when it is missing. */
export function createInfluxDriver(options: Extract<DriverOptions, { kind: 'influxdb' }>): Driver {
  const { url, database, retentionPolicy } = options
  const poster = createPoster(options)
  const query = new URLSearchParams({ db: database, precision: 'ms', ...(retentionPolicy === undefined ? {} : { rp: retentionPolicy }) })
  const createDatabase = `CREATE DATABASE "${database.replaceAll(/["\\]/g, '\\$&')}"`
  return {
    kind: 'influxdb',
    isImmediate: false,
    isCompressed: true,
    encode,
    write: async ({ bytes, points }, signal) => {
      const answer = await poster.post(
        `${url}/write?${query.toString()}`,
        { 'content-type': 'text/plain; charset=utf-8', 'content-encoding': 'gzip' },
        bytes,
        signal,
      )
      if (answer.status === 404 && answer.text.includes('database not found')) {
        const made = await poster.post(`${url}/query?q=${encodeURIComponent(createDatabase)}`, {}, Buffer.alloc(0), signal)
        return { result: 'retry', reason: made.status === 200 ? 'the database has just been made' : reasonOf(made) }
      }
      return outcomeOf(answer, points)
    },
    close: () => poster.close(),
  }
}

function encode(samples: readonly ContainerSample[]): EncodedBody[] {
  const bodies: EncodedBody[] = []
  const writer = new ByteWriter()
  let points = 0
  const finish = () => {
    if (points > 0) bodies.push({ bytes: writer.take(), points })
    points = 0
  }
  for (const sample of samples) {
    const plain = encodeTags(sample.tags)
    for (const { measurement, value, isInteger, tags } of sample.points) {
      const all = tags === undefined ? plain : encodeTags({ ...sample.tags, ...tags })
      writer.appendText(`${escapeMeasurement(measurement)}${all} value=${value}${isInteger ? 'i' : ''} ${Math.round(sample.timestampMs)}\n`)
      points++
    }
    if (points >= maxPoints) finish()
  }
  finish()
  return bodies
}

function outcomeOf(answer: Answer, points: number): WriteOutcome {
  if (answer.status === 204 || answer.status === 200) return { result: 'done', lost: 0 }
  if (isTemporary(answer.status) || answer.status === 404) return { result: 'retry', reason: reasonOf(answer) }
  const dropped = /partial write: .*dropped=(\d+)/.exec(answer.text)?.[1]
  return { result: 'done', lost: Math.min(points, dropped === undefined ? points : Number(dropped)), reason: reasonOf(answer) }
}

function reasonOf({ status, text }: Answer): string {
  return `${status} ${text.slice(0, 200)}`
}
