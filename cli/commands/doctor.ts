import { existsSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import { loadKubeconfig, KubeconfigError } from '../../orchestrator/client/kubeconfig.ts'
import type { ClusterAccess } from '../../orchestrator/client/kubeconfig.ts'
import { configuredInfluxdb, defaultDatabase, readAggregatorConfiguration } from '../aggregator-configuration.ts'
import { DataFolderError, findDataFolder, presentDataDir } from '../data-folder.ts'
import type { DataFolder } from '../data-folder.ts'
import { aggregatorExamination } from '../doctor/aggregator.ts'
import { alertsExamination } from '../doctor/alerts.ts'
import { apiServerExamination } from '../doctor/api-server.ts'
import { formatFinding, problem } from '../doctor/finding.ts'
import type { Finding } from '../doctor/finding.ts'
import { influxdbExamination } from '../doctor/influxdb.ts'
import { logsExamination } from '../doctor/logs.ts'
import { installationExamination } from '../doctor/installation.ts'
import type { Examination, Subject } from '../doctor/subject.ts'
import { describeFlagTable, parseFlagTable, parseSwitch, parseText } from '../flag-table.ts'
import { parseOptions, UsageError } from '../options.ts'
import { readRunState } from '../state.ts'
import type { RunState } from '../state.ts'
import type { CommandContext } from './start.ts'

const flags = {
  'data-dir': { placeholder: 'DIR', help: 'the cluster on this machine to look at (default .binnacle)', parse: parseText },
  kubeconfig: { placeholder: 'FILE', help: 'another cluster', parse: parseText },
  context: { placeholder: 'NAME', help: 'of the kubeconfig (default: its current one)', parse: parseText },
  aggregator: { placeholder: 'URL', help: 'its model API, as http://host:8082', parse: parseUrl },
  alerts: { placeholder: 'URL', help: 'the alerts API, as http://host:9093', parse: parseUrl },
  page: { placeholder: 'URL', help: 'the page, as http://host:8080', parse: parseUrl },
  influxdb: { placeholder: 'URL', help: 'an InfluxDB, as http://host:8086', parse: parseUrl },
  database: {
    placeholder: 'NAME',
    help: `the database in it (default ${defaultDatabase}, or what the cluster here writes to)`,
    parse: parseText,
  },
  json: { fallback: 'false', help: 'an array of findings instead of lines', parse: parseSwitch },
} as const

/** From the machine to the graph: what comes first explains what comes later. */
const examinations: readonly Examination[] = [
  installationExamination,
  apiServerExamination,
  aggregatorExamination,
  logsExamination,
  influxdbExamination,
  alertsExamination,
]

/** The help text of `binnacle doctor`. */
export function describeDoctor(): string {
  return `Usage: binnacle doctor [--data-dir DIR | --kubeconfig FILE] [FLAGS]

Says what is wrong between any node and any graph, and what to do. It only looks. Exit code 0 when there is no problem, else 1.

${describeFlagTable(flags)}`
}

/**
 * `doctor`: says what is wrong between any node and any graph, a line per finding. Looks only; changes nothing. Exit code 0 when there is no
 * problem (warnings are none), else 1. Throws `UsageError`.
 */
export async function runDoctor(args: readonly string[], context: CommandContext): Promise<number> {
  const given = parseFlagTable(args, flags)
  const subject = describeSubject(given)
  // On a host that has joined a cluster only the node is.
  const parts = subject.isNodeAlone ? [installationExamination] : examinations
  const findings = (await Promise.all(parts.map((examination) => examineSafely(examination, subject)))).flat()
  const problems = findings.filter(({ level }) => level === 'problem').length
  if (given.json) context.print(JSON.stringify(findings, undefined, 2))
  else {
    for (const finding of findings) context.print(formatFinding(finding))
    const warnings = findings.filter(({ level }) => level === 'warn').length
    context.print(`${problems} problems, ${warnings} warnings`)
  }
  return problems === 0 ? 0 : 1
}

/** An examination that fails itself is a finding, too. */
async function examineSafely(examination: Examination, subject: Subject): Promise<readonly Finding[]> {
  try {
    return await examination.examine(subject)
  } catch (error) {
    return [
      problem(examination.name, `could not be examined: ${(error as Error).message}`, 'this is a fault of the doctor: please report it'),
    ]
  }
}

type Given = ReturnType<typeof parseFlagTable<typeof flags>>

function describeSubject(given: Given): Subject {
  const { kubeconfig, context, aggregator, alerts, page, influxdb, database } = given
  const now = systemClock.now()
  if (kubeconfig !== undefined) {
    if (given['data-dir'] !== undefined) throw new UsageError('--kubeconfig and --data-dir are two clusters: name one')
    const access = readAccess(kubeconfig, context)
    return {
      database: database ?? defaultDatabase,
      now,
      installation: undefined,
      isNodeAlone: false,
      access,
      urls: { aggregator, alerts, page, influxdb },
      resolutionMs: 15_000,
    }
  }
  const root = given['data-dir'] ?? presentDataDir()
  const folder = findFolder(root)
  const state = readRunState(folder)
  const options = parseOptions(state?.flags ?? [`--data-dir=${root}`])
  const own = ownInfluxdb(options.aggregatorConfig)
  const local = (port: number) => `http://127.0.0.1:${port}`
  return {
    database: database ?? (influxdb === undefined ? own?.database : undefined) ?? defaultDatabase,
    now,
    installation: { folder, state },
    isNodeAlone: options.server !== undefined,
    access: existsSync(folder.kubeconfig) ? readAccess(folder.kubeconfig, context) : undefined,
    urls: {
      aggregator: aggregator ?? local(options.ports.aggregator),
      alerts: alerts ?? local(options.ports.alerts),
      page: page ?? local(options.ports.web),
      influxdb: influxdb ?? own?.url ?? influxdbOf(state),
    },
    resolutionMs: options.resolutionMs,
  }
}

function findFolder(root: string): DataFolder {
  const folder = findDataFolder(root)
  if (folder === undefined) throw new DataFolderError(`there is no cluster in ${root}: \`npm start\` makes one; --kubeconfig names another`)
  return folder
}

/** The InfluxDB of the aggregator's configuration. One that can no longer be read was read when the cluster began. */
function ownInfluxdb(path: string | undefined): ReturnType<typeof configuredInfluxdb> {
  try {
    return configuredInfluxdb(readAggregatorConfiguration(path))
  } catch {
    return undefined
  }
}

/** The InfluxDB that the run writes to, from its table of addresses. */
function influxdbOf(state: RunState | undefined): string | undefined {
  return state?.addresses.find(({ what }) => what === 'InfluxDB')?.url.split(' ')[0]
}

function readAccess(path: string, context: string | undefined): ClusterAccess {
  try {
    return loadKubeconfig({ path }, context)
  } catch (error) {
    if (error instanceof KubeconfigError) throw new UsageError(`--kubeconfig: ${JSON.stringify(path)}: ${error.message}`)
    throw error
  }
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) throw new UsageError('a URL such as http://127.0.0.1:8082')
  return text.replace(/\/$/, '')
}
