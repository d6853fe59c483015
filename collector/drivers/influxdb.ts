import { ByteWriter } from '../../lib/byte-writer.ts'
import type { Clock } from '../../lib/clock.ts'
import { authorizationHeader, HttpPoster, isTemporary, type HttpAnswer } from '../../lib/http-poster.ts'
import { encodeTags, escapeMeasurement } from '../../lib/line-protocol.ts'
import { postTimeoutMs, type ContainerSample, type Driver, type DriverOptions, type EncodedBody, type WriteOutcome } from './driver.ts'

/** Points in one request. */
const maxPoints = 5000

/** InfluxDB 1.x: a measurement per figure with one field `value`, as cAdvisor's driver; the database is made when it is missing. */
export function createInfluxDriver(options: Extract<DriverOptions, { kind: 'influxdb' }>, clock: Clock): Driver {
  const { url, database, retentionPolicy } = options
  const query = new URLSearchParams({ db: database, precision: 'ms', ...(retentionPolicy === undefined ? {} : { rp: retentionPolicy }) })
  const poster = new HttpPoster({
    url: new URL(`${url}/write?${query.toString()}`),
    headers: authorizationHeader(options),
    tls: {},
    clock,
    timeoutMs: postTimeoutMs,
  })
  const createDatabase = `CREATE DATABASE "${database.replaceAll(/["\\]/g, '\\$&')}"`
  const creation = {
    method: 'POST',
    url: new URL(`${url}/query?q=${encodeURIComponent(createDatabase)}`),
    headers: {},
    body: Buffer.alloc(0),
  } as const
  return {
    kind: 'influxdb',
    isImmediate: false,
    isCompressed: true,
    encode,
    write: async ({ bytes, points }, signal) => {
      const answer = await poster.post(bytes, signal, { 'content-type': 'text/plain; charset=utf-8', 'content-encoding': 'gzip' })
      if (answer.status === 404 && answer.body.includes('database not found')) {
        const made = await poster.request(creation, signal)
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

function outcomeOf(answer: HttpAnswer, points: number): WriteOutcome {
  if (answer.status === 204 || answer.status === 200) return { result: 'done', lost: 0 }
  if (isTemporary(answer.status)) return { result: 'retry', reason: reasonOf(answer) }
  const dropped = /partial write: .*dropped=(\d+)/.exec(answer.body)?.[1]
  return { result: 'done', lost: Math.min(points, dropped === undefined ? points : Number(dropped)), reason: reasonOf(answer) }
}

function reasonOf({ status, body }: HttpAnswer): string {
  return `${status} ${body.slice(0, 200)}`
}
