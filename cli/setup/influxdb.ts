import { mkdirSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { httpRequest } from '../../lib/http.ts'
import type { ProcessSpec } from '../../lib/supervision.ts'
import { writeFileAtomically, type DataFolder } from '../data-folder.ts'

const pingTimeoutMs = 2000

/** The version that answers at `url`, or `undefined` if nothing that speaks InfluxDB's API does. */
export function influxdbVersion(url: string): Promise<string | undefined> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve) => {
    const sent = send(new URL('/ping', url), { agent: false, signal: AbortSignal.timeout(pingTimeoutMs) }, (response) => {
      response.on('error', () => {}).resume()
      resolve([response.headers['x-influxdb-version']].flat()[0])
    })
    sent.on('error', () => resolve(undefined))
    sent.end()
  })
}

/** An influxd of the cluster's own: on loopback, data under the data folder, no reporting to anybody. Writes its configuration file. */
export function influxdbSpec(options: { readonly folder: DataFolder; readonly program: string; readonly port: number }): ProcessSpec {
  const { folder, program, port } = options
  const data = folder.path('influxdb')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const file = folder.path('influxdb', 'influxdb.conf')
  writeFileAtomically(file, configurationText(data, port))
  const url = `http://127.0.0.1:${port}`
  return {
    name: 'influxd',
    command: program,
    args: ['-config', file],
    logFile: folder.logFile('influxd'),
    readiness: async () => (await influxdbVersion(url)) !== undefined,
    stopTimeoutMs: 30_000,
  }
}

function configurationText(data: string, port: number): string {
  const quoted = (text: string) => JSON.stringify(text)
  return `reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = ${quoted(`${data}/meta`)}
[data]
  dir = ${quoted(`${data}/data`)}
  wal-dir = ${quoted(`${data}/wal`)}
  index-version = "tsi1"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
[logging]
  level = "warn"
[monitor]
  store-enabled = false
`
}
