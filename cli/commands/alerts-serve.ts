import { resolve } from 'node:path'
import type { MetricWindow } from '../../aggregator/window.ts'
import { createAlerts } from '../../alerts/app.ts'
import { systemClock } from '../../lib/clock.ts'
import { FileError } from '../../lib/document.ts'
import { createLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { alertPeerFlags, alertPeerSettings, parseAddress } from '../alert-peer-flags.ts'
import { createPeeredAlerts } from '../alert-peers.ts'
import { clusterAccessOf } from '../cluster-connection.ts'
import { describeFlagTable, parseFlagTable, parseText } from '../flag-table.ts'
import { becomeProgram } from '../program.ts'
import type { CommandContext } from './start.ts'

const flags = {
  config: { placeholder: 'FILE', help: "routes and receivers, in Alertmanager's format", parse: parseText },
  data: { placeholder: 'DIR', fallback: 'alerts-data', help: 'the journal is kept in it', parse: parseText },
  listen: { placeholder: 'HOST:PORT', fallback: '127.0.0.1:9093', help: 'the API', parse: parseAddress },
  'external-url': { placeholder: 'URL', help: 'under which people reach it (default: where it listens)', parse: parseText },
  'log-level': { placeholder: 'LEVEL', fallback: 'info', help: 'debug, info, warn or error', parse: parseText },
  ...alertPeerFlags,
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
  becomeProgram('alerts', ['serve', ...args])
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
  const peers = alertPeerSettings(given)
  const transport = peers && createHttpsTransport({ ...clusterAccessOf(given), clock: systemClock, userAgent: 'binnacle-alerts' })
  const server = transport === undefined ? createAlerts(base) : createPeeredAlerts(base, peers!, createClient(transport))
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
