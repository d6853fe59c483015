import type { LogAccounts, Loss, NodeLogAccounts } from '../../aggregator/logs/log-accounts.ts'
import { formatBytes } from '../doctor/installation.ts'

/** `logs --status`: a row for each node, and below it what is wrong there and who lost lines. */
export function formatLogStatus(nodes: readonly NodeLogAccounts[]): readonly string[] {
  const rows = nodes.map(({ node, problem, accounts }) =>
    accounts === undefined ? [node, problem ?? ''] : [node, ...figuresOf(accounts), lossesOf(accounts)],
  )
  const heading = ['NODE', 'SAFE LINES', 'WAITING', 'NOT READ', 'LOST LINES']
  const table = [heading, ...rows.filter(({ length }) => length > 2)]
  const widths = heading.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const formatRow = (row: readonly string[]) =>
    row.length === 2
      ? `${row[0]!.padEnd(widths[0]!)}  ${row[1]}`
      : row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()
  return [formatRow(heading), ...nodes.flatMap(({ accounts }, index) => [formatRow(rows[index]!), ...(accounts ? notesOf(accounts) : [])])]
}

function figuresOf({ safeLines, behindBytes, unacknowledgedBytes }: LogAccounts): string[] {
  return [String(safeLines), formatBytes(unacknowledgedBytes), formatBytes(behindBytes)]
}

/** Everything that is not anywhere any more, by the reason, on one line. */
function lossesOf({ lost, sinks, goneFiles, cutLines }: LogAccounts): string {
  const dropped = sinks.flatMap((sink) =>
    Object.entries(sink.dropped).flatMap(([reason, lines]) => (lines === 0 ? [] : [`${sink.name} ${reason} ${lines}`])),
  )
  const parts = [
    ...lost.map(formatLoss),
    ...dropped,
    ...(goneFiles === 0 ? [] : [`gone files ${goneFiles}`]),
    ...(cutLines === 0 ? [] : [`ends of long lines ${cutLines}`]),
  ]
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

/** Lines that never were read are unknown in number: there the bytes count. */
const formatLoss = ({ reason, lines, bytes }: Loss) => `${reason} ${lines > 0 ? lines : formatBytes(bytes)}`

function notesOf({ problems, sinks, losers }: LogAccounts): string[] {
  const away = sinks.filter(({ isHealthy }) => !isHealthy)
  return [
    ...problems.map((text) => `  ! ${text}`),
    ...away.map(
      ({ name, lastError = 'no reason is known', waitingLines }) => `  ! sink ${name} takes no lines: ${lastError}; ${waitingLines} wait`,
    ),
    ...losers.map(({ name, lost }) => `  ${name}: ${lost.map(formatLoss).join(', ')}`),
  ]
}
