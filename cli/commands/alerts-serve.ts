import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { MetricWindow } from '../../aggregator/window.ts'
import { createAlerts } from '../../alerts/app.ts'
import { createClusteredAlerts } from '../../alerts/cluster/app.ts'
import type { PeerTls } from '../../alerts/cluster/peer-door.ts'
import { systemClock } from '../../lib/clock.ts'
import { FileError } from '../../lib/document.ts'
import { parseDuration } from '../../lib/duration.ts'
import { createLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { createAlertLeases } from '../alert-leases.ts'
import { clusterAccessOf } from '../cluster-connection.ts'
import { describeFlagTable, parseFlagTable, parseText } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import type { CommandContext } from './start.ts'

const flags = {
  config: { placeholder: 'FILE', help: "routes and receivers, in Alertmanager's format", parse: parseText },
  data: { placeholder: 'DIR', fallback: 'alerts-data', help: 'the journal is kept in it', parse: parseText },
  listen: { placeholder: 'HOST:PORT', fallback: '127.0.0.1:9093', help: 'the API', parse: parseAddress },
  'external-url': { placeholder: 'URL', help: 'under which people reach it (default: where it listens)', parse: parseText },
  'log-level': { placeholder: 'LEVEL', fallback: 'info', help: 'debug, info, warn or error', parse: parseText },
  peers: { placeholder: 'HOST:PORT', help: 'share the work with others, who come in here; the rest is for that', parse: parseAddress },
  name: { placeholder: 'NAME', fallback: hostname(), help: 'tells the servers apart', parse: parseText },
  'peer-advertise': { placeholder: 'HOST', help: 'where the others reach this one', parse: parseText },
  'peer-ca': { placeholder: 'FILE', help: 'authority that signs the certificates of peers alone', parse: parseText },
  'peer-cert': { placeholder: 'FILE', help: 'certificate for server and client', parse: parseText },
  'peer-key': { placeholder: 'FILE', help: 'its key', parse: parseText },
  'lease-name': { placeholder: 'NAME', fallback: 'binnacle-alerts', help: 'of the Lease that the servers agree by', parse: parseText },
  'lease-namespace': { placeholder: 'NAME', fallback: 'kube-system', help: 'where it is', parse: parseText },
  'lease-duration': { placeholder: 'TIME', fallback: '10s', help: 'after which a silent leader is replaced', parse: parseTime },
  'take-over-after': { placeholder: 'TIME', help: 'let a server lead that has missed something (default: never)', parse: parseTime },
  'data-dir': { placeholder: 'DIR', help: 'the cluster on this machine whose API server has the Lease', parse: parseText },
  kubeconfig: { placeholder: 'FILE', help: 'another cluster', parse: parseText },
  context: { placeholder: 'NAME', help: 'of the kubeconfig (default: its current one)', parse: parseText },
} as const

/** The flags of `alerts serve`. */
export const describeServe = (): string => describeFlagTable(flags)

/** Without an aggregator beside it: alerts are those that are posted. */
const noMetrics: MetricWindow = { entities: () => [], series: () => [], latest: () => undefined, onBatch: () => () => {} }

/** `alerts serve`: an alert server without a cluster around it, until a signal. Resolves with the exit code. Throws `UsageError`. */
export async function serveAlerts(args: readonly string[], context: CommandContext): Promise<number> {
  const given = parseFlagTable(args, flags)
  const log = createLog({ level: given['log-level'], component: 'alerts' })
  const { listen } = given
  const base = {
    window: noMetrics,
    clock: systemClock,
    random: systemRandom,
    log,
    dataDir: resolve(given.data),
    rulesFiles: [],
    ...(given.config !== undefined && { configFile: resolve(given.config) }),
    http: listen,
    externalUrl: given['external-url'] ?? `http://${listen.host}:${listen.port}`,
  }
  const transport = given.peers && createHttpsTransport({ ...clusterAccessOf(given), clock: systemClock, userAgent: 'binnacle-alerts' })
  const leaseDurationMs = given['lease-duration']
  const server =
    given.peers === undefined || transport === undefined
      ? createAlerts(base)
      : createClusteredAlerts({
          ...base,
          name: given.name,
          peers: { ...given.peers, ...advertise(given['peer-advertise']), ...peerTls(given) },
          leases: createAlertLeases({
            client: createClient(transport),
            clock: systemClock,
            namespace: given['lease-namespace'],
            name: given['lease-name'],
            leaseDurationMs,
          }),
          leaseDurationMs,
          ...(given['take-over-after'] !== undefined && { takeOverAfterMs: given['take-over-after'] }),
        })
  const ending = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  try {
    await server.start()
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    context.complain(error.message)
    return 1
  }
  context.print(`listening on ${server.address}`)
  await ending
  await server.stop()
  transport?.close()
  return 0
}

function advertise(host: string | undefined): { readonly advertise?: string } {
  return host === undefined ? {} : { advertise: host }
}

function peerTls(given: Readonly<Record<'peer-ca' | 'peer-cert' | 'peer-key', string | undefined>>): { readonly tls?: PeerTls } {
  const [ca, cert, key] = (['peer-ca', 'peer-cert', 'peer-key'] as const).map((name) => given[name])
  if (ca === undefined && cert === undefined && key === undefined) return {}
  if (ca === undefined || cert === undefined || key === undefined) throw new UsageError('--peer-ca, --peer-cert and --peer-key go together')
  const read = (path: string) => readFileSync(path, 'utf8')
  return { tls: { ca: read(ca), cert: read(cert), key: read(key) } }
}

function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^\[?(.*?)\]?:(\d{1,5})$/.exec(text)
  if (match === null || Number(match[2]) > 65_535) throw new UsageError('must be HOST:PORT such as 127.0.0.1:9093')
  return { host: match[1] === '' ? '0.0.0.0' : match[1]!, port: Number(match[2]) }
}

function parseTime(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms < 500) throw new UsageError('must be a duration of at least 500ms such as 10s')
  return ms
}
