import { hostname } from 'node:os'
import type { DriverOptions } from '../../collector/app.ts'
import { subjects } from '../../collector/subjects.ts'
import type { FlagSpec, FlagTable } from '../flag-table.ts'
import { parseDuration, parseInteger, parseList, parseOneOf, parseSwitch, parseText } from '../flag-table.ts'
import { UsageError, defaultDockerHost } from '../options.ts'

const hour = 3_600_000

/** Storage drivers in cAdvisor's words. */
const driverNames = ['stdout', 'influxdb', 'statsd', 'elasticsearch'] as const
type DriverName = (typeof driverNames)[number]

function off(help: string): { readonly fallback: 'false'; readonly help: string; readonly parse: typeof parseSwitch } {
  return { fallback: 'false', help, parse: parseSwitch }
}

function file(help: string): { readonly placeholder: 'FILE'; readonly help: string; readonly parse: typeof parseText } {
  return { placeholder: 'FILE', help, parse: parseText }
}

function folder(fallback: string, help: string) {
  return { placeholder: 'DIR', fallback, help, parse: parseText } as const
}

function parsePath(text: string): string {
  if (!/^\/[\w./-]*$/.test(text)) throw new UsageError('allowed are paths such as /metrics')
  return text
}

function parsePrefix(text: string): string {
  if (!/^(?:\/[\w.-]+)*\/?$/.test(text)) throw new UsageError('allowed are paths such as /collector')
  return text.replace(/\/$/, '')
}

function parseDocker(text: string): string {
  if (!/^(none|unix:\/\/\/.+|tcp:\/\/[^/]+:\d+|https?:\/\/[^/]+)$/.test(text)) {
    throw new UsageError('allowed are unix:///PATH, tcp://HOST:PORT, https://HOST:PORT and none')
  }
  return text
}

function parseUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new UsageError('allowed are http and https URLs')
  return text
}

function parseHost(text: string): { readonly host: string; readonly port: number | undefined } {
  const match = /^(\[[0-9a-fA-F:]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(text)
  if (match === null || Number(match[2] ?? 1) > 65_535) throw new UsageError('allowed are HOST and HOST:PORT')
  return { host: match[1]!, port: match[2] === undefined ? undefined : Number(match[2]) }
}

function parseAddress(text: string): string {
  if (!/^[\w.:-]+$/.test(text)) throw new UsageError('allowed are IP addresses and host names')
  return text
}

/** The flags of `binnacle collector`, cAdvisor's where it has them. */
export const collectorFlags = {
  port: { placeholder: 'PORT', fallback: '4194', help: 'where to listen; 0 takes a free port', parse: parseInteger(0, 65_535) },
  'listen-ip': { placeholder: 'LIST', fallback: '127.0.0.1', help: 'addresses to listen on', parse: parseList(parseAddress) },
  'url-base-prefix': { placeholder: 'PATH', fallback: '', help: 'path in front of everything served', parse: parsePrefix },
  'prometheus-endpoint': { placeholder: 'PATH', fallback: '/metrics', help: "path of Prometheus' page", parse: parsePath },
  'tls-cert': file('certificate to serve HTTPS with'),
  'tls-key': file('its key'),
  'client-ca': file('who may ask: clients with a certificate of this authority'),
  'token-file': file('who may ask: clients with this bearer token, browsers with it as the password'),
  insecure: off('listen beyond loopback without TLS and without a token'),
  docker: { placeholder: 'URL', fallback: defaultDockerHost, help: 'the Docker engine, or none', parse: parseDocker },
  'docker-only': off("Docker's containers and the machine, no plain cgroups"),
  'raw-cgroup-prefix-whitelist': {
    placeholder: 'LIST',
    fallback: '',
    help: 'plain cgroups to keep in spite of --docker-only, by the start of their path',
    parse: parseList(parsePath),
  },
  'kubelet-url': { placeholder: 'URL', help: 'a kubelet that names the containers, where there is no Docker', parse: parseUrl },
  'kubelet-token-file': file('bearer token for it'),
  'kubelet-ca': file('authority of its certificate'),
  'kubelet-client-cert': file('client certificate for it'),
  'kubelet-client-key': file('its key'),
  'kubelet-insecure-tls': off('take any certificate of it'),
  'pod-list-file': file('a v1.PodList that names the containers, instead of a kubelet'),
  logs: { fallback: 'true', help: "collect containers' logs", parse: parseSwitch },
  'logs-config': file('which logs are collected, what is done with them and where they go; by default the latest lines are kept here'),
  'logs-dir': folder('/var/lib/binnacle/logs', 'where positions, what waits and the latest lines are kept'),
  'proc-root': folder('/proc', "the host's /proc, where it is mounted elsewhere"),
  'cgroup-root': folder('/sys/fs/cgroup', 'the same for control groups'),
  'sys-root': folder('/sys', 'the same for /sys'),
  'etc-root': folder('/etc', 'the same for /etc'),
  'housekeeping-interval': { placeholder: 'DURATION', fallback: '1s', help: 'time between samples', parse: parseDuration(100, 60_000) },
  'storage-duration': { placeholder: 'DURATION', fallback: '2m', help: 'how long samples are kept', parse: parseDuration(1000, 24 * hour) },
  'disable-metrics': { placeholder: 'LIST', help: `kinds to leave out, instead of the usual ones`, parse: parseList(parseOneOf(subjects)) },
  'enable-metrics': { placeholder: 'LIST', help: 'the kinds to have, and no others', parse: parseList(parseOneOf(subjects)) },
  rates: off('show ready-made rates as gauges, too: container_rate_…'),
  'store-container-labels': off("put the union of all containers' labels on every series, as cAdvisor does"),
  'whitelisted-container-labels': {
    placeholder: 'LIST',
    fallback: 'com.docker.compose.project,com.docker.compose.service,com.docker.swarm.service.name',
    help: 'labels of containers to show in container_info',
    parse: parseList(parseText),
  },
  'env-metadata-whitelist': {
    placeholder: 'LIST',
    fallback: '',
    help: 'environment variables to show, by the start of their name',
    parse: parseList(parseText),
  },
  'storage-driver': {
    placeholder: 'LIST',
    fallback: '',
    help: `also write to: ${driverNames.join(', ')}`,
    parse: parseList(parseOneOf(driverNames)),
  },
  'storage-driver-host': {
    placeholder: 'LIST',
    fallback: '',
    help: 'HOST:PORT of each of them, in that order',
    parse: parseList(parseHost),
  },
  'storage-driver-secure': off('HTTPS to them'),
  'storage-driver-db': { placeholder: 'NAME', fallback: 'cadvisor', help: 'database, index or prefix', parse: parseText },
  'storage-driver-user': { placeholder: 'NAME', help: 'user', parse: parseText },
  'storage-driver-password': { placeholder: 'TEXT', help: 'password; better in a file', parse: parseText },
  'storage-driver-password-file': file('password'),
  'storage-driver-buffer-duration': {
    placeholder: 'DURATION',
    fallback: '60s',
    help: 'time between writes',
    parse: parseDuration(1000, hour),
  },
  'influxdb-retention-policy': { placeholder: 'NAME', help: 'retention policy to write to', parse: parseText },
  'node-name': { placeholder: 'NAME', fallback: hostname(), help: 'name of this machine', parse: parseText },
  'log-level': {
    placeholder: 'LEVEL',
    fallback: 'info',
    help: 'debug, info, warn or error',
    parse: parseOneOf(['debug', 'info', 'warn', 'error']),
  },
} as const satisfies FlagTable

/** What cAdvisor takes and this collector has no use for, and why: taken and told, so that a command line can be carried over. */
export const unusedFlags = {
  logtostderr: switchWithoutUse('logs always go to standard error'),
  'allow-dynamic-housekeeping': switchWithoutUse('the interval is fixed: --housekeeping-interval'),
  'enable-load-reader': switchWithoutUse('the load is always read'),
  'disable-root-cgroup-stats': switchWithoutUse('the machine is always read'),
  profiling: switchWithoutUse('there is no pprof'),
  'max-housekeeping-interval': valueWithoutUse('the interval is fixed: --housekeeping-interval'),
  'global-housekeeping-interval': valueWithoutUse('the sweep runs each minute'),
  'update-machine-info-interval': valueWithoutUse('machine information is read each five minutes'),
  'max-procs': valueWithoutUse('one thread does the work'),
  'event-storage-age-limit': valueWithoutUse('events are kept for 24 h'),
  'event-storage-event-limit': valueWithoutUse('10,000 events of each type are kept'),
  'application-metrics-count-limit': valueWithoutUse('there are no application metrics'),
  v: valueWithoutUse('use --log-level'),
} as const satisfies FlagTable

function switchWithoutUse(help: string): FlagSpec<string> {
  return { help, parse: (text) => text }
}

function valueWithoutUse(help: string): FlagSpec<string> {
  return { placeholder: 'VALUE', help, parse: (text) => text }
}

interface DriverFlags {
  readonly 'storage-driver': readonly DriverName[]
  readonly 'storage-driver-host': readonly { readonly host: string; readonly port: number | undefined }[]
  readonly 'storage-driver-secure': boolean
  readonly 'storage-driver-db': string
  readonly 'storage-driver-user': string | undefined
  readonly 'influxdb-retention-policy': string | undefined
}

const defaultPorts: Readonly<Record<DriverName, number>> = { stdout: 0, influxdb: 8086, statsd: 8125, elasticsearch: 9200 }

/** Resolves when the reader of standard output has taken the text; rejects when there is no reader any more. */
function printToStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => process.stdout.write(text, (error) => (error == null ? resolve() : reject(error))))
}

/** The storage drivers that the flags ask for, each with the address at its place in the list. */
export function driversOf(flags: DriverFlags, password: string | undefined): DriverOptions[] {
  const names = flags['storage-driver']
  const hosts = flags['storage-driver-host']
  if (hosts.length > names.length) {
    throw new UsageError(
      `--storage-driver-host: ${hosts.length} addresses are not allowed for ${names.length} storage drivers, at most one each`,
    )
  }
  return names.map((name, index): DriverOptions => {
    const { host = 'localhost', port = defaultPorts[name] } = hosts[index] ?? {}
    const url = `${flags['storage-driver-secure'] ? 'https' : 'http'}://${host}:${port}`
    const credentials = flags['storage-driver-user'] === undefined ? {} : { user: flags['storage-driver-user'], password: password ?? '' }
    switch (name) {
      case 'stdout':
        // The failed write says so too; without a listener it would end the process.
        process.stdout.on('error', () => {})
        return { kind: 'stdout', print: printToStdout }
      case 'statsd':
        return { kind: 'statsd', host: host.replace(/^\[(.*)\]$/, '$1'), port, prefix: flags['storage-driver-db'] }
      case 'elasticsearch':
        return { kind: 'elasticsearch', url, index: flags['storage-driver-db'], ...credentials }
      case 'influxdb': {
        const policy = flags['influxdb-retention-policy']
        return {
          kind: 'influxdb',
          url,
          database: flags['storage-driver-db'],
          ...credentials,
          ...(policy === undefined ? {} : { retentionPolicy: policy }),
        }
      }
    }
  })
}
