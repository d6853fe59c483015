import { wantedLosses, type LogAccounts, type NodeLogAccounts } from '../../aggregator/logs/log-accounts.ts'
import { ok, problem, shorten, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import { formatBytes } from './installation.ts'
import { jsonOf, probe } from './probe.ts'
import type { Examination } from './subject.ts'

const maxListed = 20
/** A node that reads so far behind what is written does not keep up. */
const maxBehindBytes = 64 << 20
const advice = '`binnacle logs --status` says which pods; docs/logs.md what the reasons mean'

/** What became of the lines of every node: lost ones by the reason, sinks that take none, files that cannot be read. */
export const logsExamination: Examination = {
  name: 'logs',
  async examine({ urls }) {
    if (urls.aggregator === undefined) return []
    // Where it is away, or serves others than this machine, the aggregator's own examination says what there is to say.
    const known = jsonOf(await probe(`${urls.aggregator}/api/v1/logs/status`)) as { readonly nodes: readonly NodeLogAccounts[] } | undefined
    return known === undefined ? [] : examineLogs(known.nodes)
  },
}

/** A line per node and kind of trouble; one for all that are well. */
export function examineLogs(nodes: readonly NodeLogAccounts[]): readonly Finding[] {
  const keeping = nodes.flatMap(({ node, accounts }) => (accounts === undefined ? [] : [{ node, accounts }]))
  const findings = keeping.flatMap(({ node, accounts }) => examineNode(`logs of node ${node}`, accounts))
  const lines = keeping.reduce((sum, { accounts }) => sum + accounts.safeLines, 0)
  const summary = `${lines} lines are safe on ${keeping.length} of ${nodes.length} nodes`
  return findings.length > 0 ? shorten(findings, maxListed) : keeping.length === 0 ? [] : [ok('logs', `${summary}, none is lost`)]
}

function examineNode(where: string, { lost, sinks, goneFiles, problems, behindBytes }: LogAccounts): Finding[] {
  const unwanted = lost.filter(({ reason }) => !wantedLosses.includes(reason))
  return [
    ...problems.map((text) => problem(where, text, 'correct the configuration, or what it names')),
    ...sinks
      .filter(({ isHealthy }) => !isHealthy)
      .map(({ name, lastError = 'no reason is known', waitingLines }) =>
        problem(
          where,
          `the sink ${name} takes no lines: ${lastError}; ${waitingLines} wait`,
          'is it running? The lines are sent when it is back',
        ),
      ),
    ...unwanted.map(({ reason, lines, bytes }) =>
      warn(where, `${lines > 0 ? `${lines} lines` : formatBytes(bytes)} lost: ${reason}`, advice),
    ),
    ...sinks.flatMap(({ name, dropped }) =>
      Object.entries(dropped).flatMap(([reason, lines]) =>
        lines === 0 ? [] : [warn(where, `${lines} lines lost by the sink ${name}: ${reason}`, advice)],
      ),
    ),
    ...(goneFiles > 0 ? [warn(where, `${goneFiles} files had gone before they were read to their end`, advice)] : []),
    ...(behindBytes > maxBehindBytes
      ? [warn(where, `${formatBytes(behindBytes)} are not read yet`, 'its node is short of CPU, or a sink is slow: see the sinks')]
      : []),
  ]
}
