import { complaintOf, jsonOf, probe } from './probe.ts'
import { ok, problem, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Examination, Subject } from './subject.ts'

interface QueryAnswer {
  readonly results: readonly {
    readonly error?: string
    readonly series?: readonly { readonly columns: readonly string[]; readonly values?: readonly (readonly unknown[])[] }[]
  }[]
}

/** InfluxDB: whether it answers, has the database and a retention policy, and when the last point was written. */
export const influxdbExamination: Examination = {
  name: 'InfluxDB',
  async examine(subject) {
    const url = subject.urls.influxdb
    if (url === undefined) return []
    const ping = await probe(`${url}/ping`)
    if (ping.status !== 204 && ping.status !== 200) {
      return [problem('InfluxDB', `${url}: ${complaintOf(ping)}`, 'is influxd running there? Points are spooled until it is back')]
    }
    const databases = await query(url, 'SHOW DATABASES')
    if (typeof databases === 'string') return [problem('InfluxDB', databases, 'does the user have the right to read?')]
    if (!databases.some(([name]) => name === subject.database)) {
      return [
        problem('InfluxDB', `there is no database "${subject.database}"`, 'the aggregator makes it with its next write: is it running?'),
      ]
    }
    return [
      ok('InfluxDB', `answers at ${url}, database ${subject.database}`),
      ...(await examineRetention(subject)),
      ...(await examineLastWrite(subject)),
    ]
  },
}

async function examineRetention({ urls, database }: Subject): Promise<Finding[]> {
  const rows = await query(urls.influxdb!, `SHOW RETENTION POLICIES ON "${database}"`)
  if (typeof rows === 'string')
    return [warn('InfluxDB', `its retention policies cannot be read: ${rows}`, 'does the user have the right to?')]
  const policies = rows.map(([name, duration]) => `${String(name)} ${duration === '0s' ? 'for ever' : String(duration)}`)
  const isForEver = rows.some(([, duration, , , isDefault]) => isDefault === true && duration === '0s')
  const text = `keeps points: ${policies.join(', ')}`
  const advice = `the disk fills up in time: set a retention in the aggregator's configuration, sinks: ["influxdb:${urls.influxdb}?retention=30d"]`
  return [isForEver ? warn('InfluxDB', text, advice) : ok('InfluxDB', text)]
}

async function examineLastWrite({ urls, database, now, resolutionMs }: Subject): Promise<Finding[]> {
  const rows = await query(urls.influxdb!, `SELECT last(value) FROM "cpu/usage_rate" WHERE type = 'node'`, database)
  if (typeof rows === 'string') return [warn('InfluxDB', `the last point cannot be read: ${rows}`, 'see its log')]
  const last = rows[0]?.[0]
  if (typeof last !== 'number') return [problem('InfluxDB', 'holds no figures of any node', 'see the sinks of the aggregator below')]
  const ageMs = now - last
  const text = `the newest figures of a node are ${Math.max(0, Math.round(ageMs / 1000))} s old`
  return [
    ageMs > 6 * resolutionMs + 5000
      ? problem('InfluxDB', text, 'see the nodes and the sinks of the aggregator below')
      : ok('InfluxDB', text),
  ]
}

/** The rows of the first series, or what went wrong. Times in ms. */
async function query(url: string, text: string, database?: string): Promise<readonly (readonly unknown[])[] | string> {
  const parameters = new URLSearchParams({ q: text, epoch: 'ms', ...(database === undefined ? {} : { db: database }) })
  const answer = await probe(`${url}/query?${parameters.toString()}`)
  const parsed = jsonOf(answer) as QueryAnswer | undefined
  if (parsed === undefined) return complaintOf(answer)
  const result = parsed.results[0]
  return result?.error ?? result?.series?.[0]?.values ?? []
}
