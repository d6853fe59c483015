import type { AccountBook } from './account-book.ts'
import { countNames, type Account } from './accounts.ts'
import type { LostLine } from './lost-lines.ts'
import type { LogFigure } from './context.ts'
import type { Unacknowledged } from './distribution.ts'
import type { LogFamily, LogSample } from './families.ts'
import type { FollowedPath } from './reading/followed-path.ts'
import type { Ledger } from './reading/ledger.ts'
import type { LogSink, LogSinkStats } from './sinks/sink.ts'

/** What `GET /api/v1/logs/status` answers. */
export interface LogStatus {
  /** What can not be read, and why. */
  readonly problems: readonly string[]
  readonly total: AccountStatus
  readonly unacknowledged: { readonly batches: number; readonly bytes: number }
  readonly checkpoint: { readonly saves: number; readonly failures: number; readonly paths: number }
  readonly sinks: readonly LogSinkStats[]
  readonly origins: readonly OriginStatus[]
}

interface AccountStatus extends Readonly<Record<(typeof countNames)[number], number>> {
  readonly lostLines: Readonly<Record<string, number>>
  readonly lostBytes: Readonly<Record<string, number>>
}

interface OriginStatus extends AccountStatus {
  readonly id: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** The last few of the lines that were lost, by the reason. */
  readonly samples: Readonly<Record<string, readonly LostLine[]>>
  readonly files: readonly FileStatus[]
}

interface FileStatus {
  readonly path: string
  readonly file: string
  readonly isRotated: boolean
  /** Acknowledged up to this byte. */
  readonly offset: number
  /** Bytes that are there and not read. */
  readonly lagBytes: number
}

export interface ReportParts {
  readonly paths: ReadonlyMap<string, FollowedPath>
  readonly book: AccountBook
  readonly sinks: readonly LogSink[]
  readonly ledger: Ledger
  readonly unacknowledged: Unacknowledged
  readonly problems: readonly string[]
}

export function describePipeline({ problems, paths, book, sinks, ledger, unacknowledged }: ReportParts): LogStatus {
  const byOrigin = new Map<string, FollowedPath[]>()
  for (const path of paths.values()) {
    const known = byOrigin.get(path.origin.id)
    if (known === undefined) byOrigin.set(path.origin.id, [path])
    else known.push(path)
  }
  return {
    problems,
    total: describeAccount(book.total),
    unacknowledged: { batches: unacknowledged.batches, bytes: unacknowledged.bytes },
    checkpoint: ledger.stats,
    sinks: sinks.map((sink) => book.withBefore(sink.stats())),
    origins: [...book.origins].map(([id, account]) => describeOrigin(id, account, byOrigin.get(id) ?? [])),
  }
}

function describeOrigin(id: string, account: Account, paths: readonly FollowedPath[]): OriginStatus {
  const { namespace = '', pod = '', container = '' } = account.origin ?? {}
  const files = paths.flatMap(({ group }) =>
    group.files.map((file): FileStatus => {
      const { file: name, offset } = file.progress.entry
      return { path: group.path, file: name, isRotated: file.isDetached, offset, lagBytes: file.backlog() }
    }),
  )
  return { id, namespace, pod, container, ...describeAccount(account), samples: account.samples(), files }
}

function describeAccount(account: Account): AccountStatus {
  const counts = Object.fromEntries(countNames.map((name) => [name, account[name]])) as Record<(typeof countNames)[number], number>
  return { ...counts, lostLines: account.losses.lines, lostBytes: account.losses.bytes }
}

/** More origins than these have no series of their own. */
const maxOriginSeries = 500

export function familiesOf(status: LogStatus, figures: readonly LogFigure[]): readonly LogFamily[] {
  return [...originFamilies(status), ...sinkFamilies(status.sinks), ...pipelineFamilies(status), ...figures.map(toFamily)]
}

function originFamilies({ origins, total }: LogStatus): LogFamily[] {
  const shown = origins.slice(0, maxOriginSeries)
  const labelled = shown.map((origin) => ({
    labels: present({ origin: origin.id, namespace: origin.namespace, pod: origin.pod, container: origin.container }),
    origin,
  }))
  const counter = (name: string, help: string, of: (account: AccountStatus) => number): LogFamily => ({
    name: `binnacle_log_${name}`,
    type: 'counter',
    help,
    samples: labelled.map(({ labels, origin }) => ({ suffix: '', labels, value: of(origin) })),
  })
  const losses = (name: string, help: string, of: (account: AccountStatus) => Readonly<Record<string, number>>): LogFamily => ({
    name: `binnacle_log_${name}`,
    type: 'counter',
    help,
    samples: Object.entries(of(total)).map(([reason, value]) => ({ suffix: '', labels: { reason }, value })),
  })
  const lags = labelled.map(({ labels, origin }) => ({
    suffix: '',
    labels,
    value: origin.files.reduce((sum, { lagBytes }) => sum + lagBytes, 0),
  }))
  return [
    counter('read_bytes_total', 'Bytes of log files that were read', (account) => account.readBytes),
    counter('read_lines_total', 'Lines of log files that were read', (account) => account.readLines),
    counter('acknowledged_lines_total', 'Lines that every sink has safe', (account) => account.acknowledgedLines),
    counter('acknowledged_bytes_total', 'Bytes of text that every sink has safe', (account) => account.acknowledgedBytes),
    counter('cut_lines_total', 'Lines that were too long and lost their end', (account) => account.cutLines),
    counter('gone_files_total', 'Files that had gone before they were read to their end', (account) => account.goneFiles),
    counter('truncations_total', 'Files that were emptied while they were read', (account) => account.truncations),
    losses('lost_lines_total', 'Lines that did not go on, by the reason', (account) => account.lostLines),
    losses('lost_bytes_total', 'Bytes that did not go on, by the reason', (account) => account.lostBytes),
    { name: 'binnacle_log_lag_bytes', type: 'gauge', help: 'Bytes that are there and not read', samples: lags },
  ]
}

function sinkFamilies(sinks: readonly LogSinkStats[]): LogFamily[] {
  const family = (name: string, type: 'counter' | 'gauge', help: string, of: (stats: LogSinkStats) => number): LogFamily => ({
    name: `binnacle_log_sink_${name}`,
    type,
    help,
    samples: sinks.map((stats) => ({ suffix: '', labels: { sink: stats.name }, value: of(stats) })),
  })
  const dropped = sinks.flatMap(({ name, dropped: reasons }) =>
    Object.entries(reasons).map(([reason, value]): LogSample => ({ suffix: '', labels: { sink: name, reason }, value })),
  )
  return [
    family('delivered_lines_total', 'counter', 'Lines that the receiver acknowledged', ({ delivered }) => delivered),
    family('waiting_lines', 'gauge', 'Lines that wait in memory', ({ waiting }) => waiting),
    family('spooled_lines', 'gauge', 'Lines that wait on disk', ({ spooled }) => spooled),
    family('requests_total', 'counter', 'Requests to the receiver', ({ requests }) => requests),
    family('failed_requests_total', 'counter', 'Requests that failed', ({ failedRequests }) => failedRequests),
    family('healthy', 'gauge', '1 while the receiver takes lines', ({ isHealthy }) => (isHealthy ? 1 : 0)),
    { name: 'binnacle_log_sink_dropped_lines_total', type: 'counter', help: 'Lines that were given up, by the reason', samples: dropped },
  ]
}

function pipelineFamilies({ unacknowledged, checkpoint }: LogStatus): LogFamily[] {
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): LogFamily => ({
    name: `binnacle_log_${name}`,
    type,
    help,
    samples: [{ suffix: '', labels: {}, value }],
  })
  return [
    one('unacknowledged_bytes', 'gauge', 'Bytes that were read and are not safe yet', unacknowledged.bytes),
    one('checkpoints_total', 'counter', 'How often what was acknowledged was saved', checkpoint.saves),
    one('checkpoint_failures_total', 'counter', 'How often that failed', checkpoint.failures),
  ]
}

/** An empty label is none. */
function present(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''))
}

function toFamily({ name, type, help, labels = {}, value }: LogFigure): LogFamily {
  return { name: `binnacle_log_${name}`, type, help, samples: [{ suffix: '', labels, value }] }
}
