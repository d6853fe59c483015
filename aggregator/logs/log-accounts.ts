import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import type { LogStatus } from '../../collector/logs/report.ts'

/** What became of the lines of a node. */
export interface NodeLogAccounts {
  readonly node: string
  /** Why nothing is known of it. */
  readonly problem?: string
  readonly accounts?: LogAccounts
}

/** The accounts of one node, in lines and bytes, since it has them. */
export interface LogAccounts {
  /** As they lie in their files: a long one lies there in pieces, and after a crash some are read again. */
  readonly readLines: number
  /** Lines that every sink has safe. */
  readonly safeLines: number
  /** Bytes that are there and not read, and those that were read and are not safe yet. */
  readonly behindBytes: number
  readonly unacknowledgedBytes: number
  /** What did not go on, by the reason. */
  readonly lost: readonly Loss[]
  /** Lines that were too long and lost their end. */
  readonly cutLines: number
  /** Files that had gone before they were read to their end. */
  readonly goneFiles: number
  readonly sinks: readonly SinkAccounts[]
  /** What cannot be read, and why. */
  readonly problems: readonly string[]
  /** Those that lost most, at most ten. */
  readonly losers: readonly Loser[]
}

export interface Loss {
  readonly reason: string
  readonly lines: number
  readonly bytes: number
}

export interface SinkAccounts {
  readonly name: string
  readonly isHealthy: boolean
  readonly lastError?: string
  /** In memory and on disk. */
  readonly waitingLines: number
  /** Reason → lines. */
  readonly dropped: Readonly<Record<string, number>>
}

export interface Loser {
  /** `namespace/pod/container`, or what the origin is called. */
  readonly name: string
  readonly lost: readonly Loss[]
}

export interface LogAccountsOptions {
  readonly nodes: Informer<CoreV1Node>
  /** Rejects with a sentence. */
  readonly readStatus: (node: CoreV1Node, signal: AbortSignal) => Promise<string>
}

/** So many nodes are asked at once. */
const parallel = 32
const maxLosers = 10
/** Reasons that somebody has asked for by a rule or an annotation. */
export const wantedLosses: readonly string[] = ['limit', 'drop', 'sample']

/** Asks every node for its accounts, and for those of nobody twice at a time. Never rejects: a node that does not answer says so. */
export function createLogAccounts({ nodes, readStatus }: LogAccountsOptions): () => Promise<readonly NodeLogAccounts[]> {
  let asking: Promise<readonly NodeLogAccounts[]> | undefined
  const { signal } = new AbortController()
  const ask = async (node: CoreV1Node): Promise<NodeLogAccounts> => {
    const name = node.metadata.name!
    try {
      return { node: name, accounts: summarizeStatus(JSON.parse(await readStatus(node, signal)) as LogStatus) }
    } catch (error) {
      return { node: name, problem: (error as { readonly status?: number }).status === 404 ? 'it keeps no logs' : (error as Error).message }
    }
  }
  const askAll = async () => {
    const rows: NodeLogAccounts[] = []
    const waiting = nodes.list()[Symbol.iterator]()
    const worker = async () => {
      for (let next = waiting.next(); next.done !== true; next = waiting.next()) rows.push(await ask(next.value))
    }
    await Promise.all(Array.from({ length: parallel }, worker))
    return rows.sort((a, b) => (a.node < b.node ? -1 : 1))
  }
  return () => (asking ??= askAll().finally(() => (asking = undefined)))
}

/** What a person wants to know of `GET /api/v1/logs/status`. */
export function summarizeStatus({ total, unacknowledged, sinks, problems, origins }: LogStatus): LogAccounts {
  const losers = origins.map(({ namespace, pod, container, id, lostLines, lostBytes }) => ({
    name: pod === '' ? id : [namespace, pod, container].join('/'),
    lost: lossesOf(lostLines, lostBytes),
  }))
  const weightOf = ({ lost }: Loser) => lost.reduce((sum, { lines, bytes }) => sum + lines + bytes / 100, 0)
  return {
    readLines: total.readLines,
    safeLines: total.acknowledgedLines,
    behindBytes: origins.reduce((sum, { files }) => files.reduce((lag, { lagBytes }) => lag + lagBytes, sum), 0),
    unacknowledgedBytes: unacknowledged.bytes,
    lost: lossesOf(total.lostLines, total.lostBytes),
    cutLines: total.cutLines,
    goneFiles: total.goneFiles,
    sinks: sinks.map(({ name, isHealthy, lastError, waiting, spooled, dropped }) => ({
      name,
      isHealthy,
      ...(lastError === undefined ? {} : { lastError }),
      waitingLines: waiting + spooled,
      dropped,
    })),
    problems,
    losers: losers
      .filter(({ lost }) => lost.length > 0)
      .sort((a, b) => weightOf(b) - weightOf(a))
      .slice(0, maxLosers),
  }
}

function lossesOf(lines: Readonly<Record<string, number>>, bytes: Readonly<Record<string, number>>): readonly Loss[] {
  return Object.keys(bytes)
    .map((reason) => ({ reason, lines: lines[reason] ?? 0, bytes: bytes[reason] ?? 0 }))
    .filter((loss) => loss.lines + loss.bytes > 0)
}
