import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  createCollector,
  podListFromFile,
  podListFromKubelet,
  whyTooOpen,
  type Collector,
  type CollectorOptions,
} from '../../collector/app.ts'
import { createLogPipeline, type LogPipeline } from '../../collector/logs/app.ts'
import { selectSubjects } from '../../collector/subjects.ts'
import { systemClock } from '../../lib/clock.ts'
import { createLog, type Log } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { describeFlagTable, parseFlagTable, type FlagValues } from '../flag-table.ts'
import { loadLogConfiguration } from '../log-configuration.ts'
import { UsageError } from '../options.ts'
import { becomeProgram } from '../program.ts'
import { runAlone } from '../processes/alone.ts'
import { collectorFlags, driversOf, unusedFlags } from './collector-flags.ts'

type Flags = FlagValues<typeof collectorFlags>

/** The help text of `binnacle collector`. */
export function describeCollector(): string {
  return `Usage: binnacle collector [FLAGS]

What every container and this machine use, for any Docker host, without a cluster: Prometheus' /metrics, cAdvisor's REST API,
the kubelet's /stats/summary, and storage drivers. Flags are cAdvisor's where it has them; underscores are as good as dashes.

${describeFlagTable(collectorFlags)}`
}

/** `binnacle collector`: serves until a signal comes. Resolves with the exit code. */
export async function runCollector(args: readonly string[]): Promise<number> {
  const { flags, unused } = parseCollectorFlags(args)
  const tooOpen = whyTooOpen(flags['listen-ip'], accessOf(flags))
  if (tooOpen !== undefined && !flags['insecure'])
    throw new UsageError(`--listen-ip: ${tooOpen}; allowed with --token-file, --tls-cert, --client-ca or --insecure`)
  becomeProgram('collector', args)
  const log = createLog({ level: flags['log-level'], component: 'collector' })
  for (const [name, reason] of unused) log.warn({ flag: `--${name}` }, `this flag has no effect: ${reason}`)
  return runAlone(log, create(flags, log, await logsOf(flags, log))).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall !== 'listen' && error.syscall !== 'getaddrinfo') throw error
    throw new UsageError(`--listen-ip, --port: ${error.message}`)
  })
}

/** Parses and checks everything that can be checked without running. Throws `UsageError`. */
export function parseCollectorFlags(args: readonly string[]): {
  readonly flags: Flags
  readonly unused: readonly (readonly [string, string])[]
} {
  const all = parseFlagTable(args, { ...collectorFlags, ...unusedFlags })
  const given = Object.entries(unusedFlags).filter(([name]) => all[name as keyof typeof all] !== undefined)
  return { flags: all, unused: given.map(([name, { help }]) => [name, help]) }
}

function create(flags: Flags, log: Log, logs: LogPipeline | undefined): Collector {
  try {
    return createCollector({ ...collectorOptions(flags, log), ...(logs === undefined ? {} : { logs }) })
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

/** The collection of logs; none where there is nothing to collect from. */
async function logsOf(flags: Flags, log: Log): Promise<LogPipeline | undefined> {
  const url = flags['docker']
  if (!flags['logs'] || (url === 'none' && flags['logs-config'] === undefined)) return undefined
  return createLogPipeline({
    configuration: await loadLogConfiguration(flags['logs-config']),
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'logs' }),
    nodeName: flags['node-name'],
    dataFolder: flags['logs-dir'],
    ...(url === 'none' ? {} : { docker: { url } }),
    ...podListOf(flags),
  })
}

/** The collector's options that the flags stand for; reads the files that they name. */
export function collectorOptions(flags: Flags, log: Log): CollectorOptions {
  const docker = flags['docker']
  const password = flags['storage-driver-password'] ?? fileOf('storage-driver-password-file', flags)?.trim()
  return {
    clock: systemClock,
    log,
    nodeName: flags['node-name'],
    hosts: flags['listen-ip'],
    port: flags['port'],
    ...(docker === 'none' ? {} : { docker: { url: docker } }),
    procRoot: folderOf('proc-root', flags),
    cgroupRoot: folderOf('cgroup-root', flags),
    sysRoot: folderOf('sys-root', flags),
    etcRoot: folderOf('etc-root', flags),
    intervalMs: flags['housekeeping-interval'],
    historyMs: flags['storage-duration'],
    pathPrefix: flags['url-base-prefix'],
    metricsPath: flags['prometheus-endpoint'],
    isInsecure: flags['insecure'],
    drivers: { sinks: driversOf(flags, password), intervalMs: flags['storage-driver-buffer-duration'], random: systemRandom },
    labels: { hasUnion: flags['store-container-labels'], allowed: flags['whitelisted-container-labels'] },
    ...(flags['docker-only']
      ? { keepsPlain: (path: string) => flags['raw-cgroup-prefix-whitelist'].some((start) => path.startsWith(start)) }
      : {}),
    hasRates: flags['rates'],
    exposedEnv: flags['env-metadata-whitelist'],
    ...podListOf(flags),
    ...subjectsOf(flags),
    ...accessOf(flags),
  }
}

function podListOf(flags: Flags): Pick<CollectorOptions, 'podList'> {
  const path = flags['pod-list-file']
  const url = flags['kubelet-url']
  if (path !== undefined && url !== undefined) throw new UsageError('--pod-list-file and --kubelet-url: one of them is enough')
  if (path !== undefined) return { podList: podListFromFile(path) }
  if (url === undefined) return {}
  const token = flags['kubelet-token-file']
  const [ca, cert, key] = [fileOf('kubelet-ca', flags), fileOf('kubelet-client-cert', flags), fileOf('kubelet-client-key', flags)]
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--kubelet-client-cert and --kubelet-client-key need each other')
  checkPem('--kubelet-ca, --kubelet-client-cert, --kubelet-client-key', { ca, cert, key })
  return {
    podList: podListFromKubelet({
      url,
      isInsecure: flags['kubelet-insecure-tls'],
      // Mounted tokens change while they are in use.
      ...(token === undefined ? {} : { token: () => readFile(token, 'utf8') }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    }),
  }
}

function subjectsOf(flags: Flags): Pick<CollectorOptions, 'subjects' | 'shownSubjects'> {
  const enabled = flags['enable-metrics']
  const disabled = flags['disable-metrics']
  if (enabled === undefined && disabled === undefined) return {}
  const subjects = selectSubjects({ ...(enabled === undefined ? {} : { enabled }), ...(disabled === undefined ? {} : { disabled }) })
  return { subjects, shownSubjects: subjects }
}

function accessOf(flags: Flags): Pick<CollectorOptions, 'tls' | 'bearerToken'> {
  const certificate = fileOf('tls-cert', flags)
  const key = fileOf('tls-key', flags)
  const clientCa = fileOf('client-ca', flags)
  const token = fileOf('token-file', flags)?.trim()
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError('--tls-cert and --tls-key need each other')
  if (clientCa !== undefined && certificate === undefined) throw new UsageError('--client-ca needs --tls-cert and --tls-key')
  if (token === '') throw new UsageError(`--token-file: ${JSON.stringify(flags['token-file'])} is empty; allowed is a file with a token`)
  checkPem('--tls-cert, --tls-key, --client-ca', { cert: certificate, key, ca: clientCa })
  return {
    ...(certificate === undefined || key === undefined
      ? {}
      : { tls: { certificate, key, ...(clientCa === undefined ? {} : { clientCa }) } }),
    ...(token === undefined ? {} : { bearerToken: token }),
  }
}

interface PemFiles {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** Files that are no certificates or don't belong together are told before anything runs. */
function checkPem(names: string, { ca, cert, key }: PemFiles): void {
  if (ca === undefined && cert === undefined) return
  try {
    // The authority of a context is not looked at: what is no certificate is skipped.
    const authority = ca === undefined ? undefined : new X509Certificate(ca).toString()
    process.getBuiltinModule('node:tls').createSecureContext({ ca: authority, cert, key })
  } catch (error) {
    throw new UsageError(`${names}: ${(error as Error).message}; allowed are PEM files that belong together`)
  }
}

type FileFlag =
  | 'kubelet-ca'
  | 'kubelet-client-cert'
  | 'kubelet-client-key'
  | 'tls-cert'
  | 'tls-key'
  | 'client-ca'
  | 'token-file'
  | 'storage-driver-password-file'

function fileOf(name: FileFlag, flags: Flags): string | undefined {
  const path = flags[name]
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--${name}: ${JSON.stringify(path)} can not be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}

/** A folder that somebody names has to be there; one of the usual ones may be absent, which is then among the findings. */
function folderOf(name: 'proc-root' | 'cgroup-root' | 'sys-root' | 'etc-root', flags: Flags): string {
  const path = flags[name]
  if (path !== collectorFlags[name].fallback && statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`--${name}: ${JSON.stringify(path)} is not allowed: allowed are folders that are there`)
  return path
}
