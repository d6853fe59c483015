import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Account, Losses } from '../accounts.ts'
import type { LogContext } from '../context.ts'
import { createSlice, setTimeParts } from '../decoding/slice.ts'
import type { LogBatch, LogOrigin } from '../log-batch.ts'
import { BatchWriter, type WrittenFile } from '../reading/batch-writer.ts'
import type { Route } from '../reading/followed-path.ts'
import { noFingerprint } from '../reading/fingerprint.ts'
import type { Ledger, LedgerEntry } from '../reading/ledger.ts'
import type { LineProcessor } from '../reading/line-chain.ts'
import type { JournalSettings } from '../settings.ts'

export interface JournalLogsOptions {
  readonly context: LogContext
  readonly settings: JournalSettings
  readonly ledger: Ledger
  readonly maxLineBytes: number
  readonly accountOf: (origin: LogOrigin) => Account
  readonly routeOf: (origin: LogOrigin) => Route
}

const ledgerPath = 'journal:'
const firstRetryMs = 1000
const maxRetryMs = 60_000
/** More units than these share the last one's place. */
const maxUnits = 1024
/** An entry longer than this is not made of text. */
const maxEntryBytes = 8 * 1024 * 1024

/** Syslog's priorities as indexes of `logLevels`. */
const levelOfPriority = [6, 6, 6, 5, 4, 3, 3, 2]

interface Unit extends WrittenFile {
  readonly processor: LineProcessor
  route: Route
}

/** What was read at once. */
interface Step {
  left: number
  readonly cursor: string
  readonly position: number
  /** What was dropped of it. */
  readonly dropped: { readonly account: Account; readonly losses: Losses }[]
}

/** One entry as `journalctl -o json` has it. */
type Entry = Readonly<Record<string, unknown>>

/**
 * The machine's journal, through `journalctl`, which follows it and tells of each entry in a line of JSON. Entries are named by their sequence
 * number, and reading goes on behind the cursor of the last one that was acknowledged.
 */
export class JournalLogs {
  readonly #options: JournalLogsOptions
  readonly #units = new Map<string, Unit>()
  readonly #writer = new BatchWriter()
  readonly #slice = createSlice()
  #entry: LedgerEntry | undefined
  /** In the order in which they were read; safe when nothing of them is left. */
  readonly #steps: Step[] = []
  #step: Step | undefined
  #sequence = ''
  #level = 0
  #problem: string | undefined

  constructor(options: JournalLogsOptions) {
    this.#options = options
    this.#entry = options.ledger.entriesOf(ledgerPath)[0]
  }

  /** Why the journal can't be read; `undefined` while it is. */
  get problem(): string | undefined {
    return this.#problem
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options.context
    let delayMs = firstRetryMs
    while (!signal.aborted) {
      const begunAt = clock.monotonic()
      const reason = await this.#follow(signal).catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      if (signal.aborted) return
      if (this.#problem !== reason) log.warn({ reason }, 'the journal is not read: it is tried again')
      this.#problem = reason
      if (clock.monotonic() - begunAt > maxRetryMs) delayMs = firstRetryMs
      await clock.sleep(delayMs, signal)
      delayMs = Math.min(delayMs * 2, maxRetryMs)
    }
  }

  /** Resolves with the reason why it ended. */
  async #follow(signal: AbortSignal): Promise<string> {
    const { settings } = this.#options
    const child = spawn(settings.command, this.#arguments(), { stdio: ['ignore', 'pipe', 'pipe'] })
    const stop = () => child.kill('SIGTERM')
    signal.addEventListener('abort', stop, { once: true })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-300)))
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code) => resolve(`${settings.command} ended with ${code}${complaint === '' ? '' : `: ${complaint.trim()}`}`))
    })
    try {
      await this.#read(child, signal)
    } finally {
      child.kill('SIGTERM')
      signal.removeEventListener('abort', stop)
    }
    return ended
  }

  #arguments(): string[] {
    const { units, directory, from } = this.#options.settings
    const cursor = this.#entry?.cursor
    // Following is of ten entries before the end and of this boot alone, unless told otherwise; merging also has what other machines sent to this one.
    const place = cursor !== undefined ? ['--no-tail', `--after-cursor=${cursor}`] : [from === 'end' ? '--lines=0' : '--no-tail']
    const where = directory === undefined ? ownEntries() : [`--directory=${directory}`]
    const how = ['--follow', '--merge', '--output=json', '--all', '--no-pager', '--quiet']
    return [...how, ...place, ...units.map((unit) => `--unit=${unit}`), ...where]
  }

  async #read(child: ChildProcessByStdio<null, Readable, Readable>, signal: AbortSignal): Promise<void> {
    let rest = ''
    /** What came of an entry that is too long. */
    let leftOut = 0
    child.stdout.setEncoding('utf8')
    for await (const chunk of child.stdout) {
      const lines = (rest + (chunk as string)).split('\n')
      rest = lines.pop() ?? ''
      if (leftOut > 0 && lines.length > 0) {
        this.#options.accountOf(this.#originOf('journal')).lose('unreadable', leftOut + lines.shift()!.length)
        leftOut = 0
      }
      if (leftOut > 0 || rest.length > maxEntryBytes) {
        leftOut += rest.length
        rest = ''
      }
      this.#take(lines)
      for (const unit of this.#units.values()) await unit.route.distribution.room(signal)
      if (signal.aborted) return
    }
  }

  #take(lines: readonly string[]): void {
    let last: { readonly cursor: string; readonly position: number } | undefined
    const byUnit = new Map<Unit, { readonly entry: Entry; readonly position: number; readonly bytes: number }[]>()
    for (const line of lines) {
      const entry = parseEntry(line)
      const place = entry === undefined ? undefined : readCursor(entry['__CURSOR'])
      if (entry === undefined || place === undefined) continue
      this.#sequence = place.sequence
      last = place
      const unit = this.#unitOf(entry)
      if (unit.route.processing.isExcluded) continue
      const known = byUnit.get(unit)
      const taken = { entry, position: place.position, bytes: line.length }
      if (known === undefined) byUnit.set(unit, [taken])
      else known.push(taken)
    }
    if (last === undefined) return
    const step: Step = { left: 1, ...last, dropped: [] }
    this.#steps.push(step)
    this.#step = step
    for (const [unit, entries] of byUnit) {
      this.#writer.begin(unit)
      const account = this.#options.accountOf(unit.origin)
      for (const { entry, position, bytes } of entries) {
        account.read(bytes)
        account.line()
        this.#write(unit, entry, position)
      }
      this.#writer.flush(last.position + 1)
      const losses = account.takeDropped()
      if (losses !== undefined) step.dropped.push({ account, losses })
    }
    this.#finish(step)
  }

  #write({ processor }: Unit, entry: Entry, position: number): void {
    const text = textOf(entry['MESSAGE'])
    const slice = this.#slice
    slice.buffer = text
    slice.start = 0
    slice.end = Math.min(text.length, this.#options.maxLineBytes)
    slice.stream = 0
    const micros = typeof entry['__REALTIME_TIMESTAMP'] === 'string' ? Number(entry['__REALTIME_TIMESTAMP']) : Number.NaN
    const at = Number.isFinite(micros) ? micros : this.#options.context.clock.now() * 1000
    setTimeParts(slice, Math.floor(at / 1e6), (at % 1e6) * 1000)
    this.#level = levelOfPriority[Number(entry['PRIORITY'])] ?? 0
    processor.process(slice, position, text.length - slice.end)
  }

  #unitOf(entry: Entry): Unit {
    const { routeOf, accountOf } = this.#options
    const named = [entry['_SYSTEMD_UNIT'], entry['SYSLOG_IDENTIFIER'], entry['_TRANSPORT']].find(
      (name) => typeof name === 'string' && name !== '',
    )
    const name = this.#units.size < maxUnits || this.#units.has(named as string) ? ((named as string | undefined) ?? 'journal') : 'other'
    const known = this.#units.get(name)
    if (known !== undefined) return known
    const origin = this.#originOf(name)
    const route = routeOf(origin)
    const journal = () => `journal-${this.#sequence}`
    const unit: Unit = {
      origin,
      route,
      get name() {
        return journal()
      },
      oldestUntold: Number.POSITIVE_INFINITY,
      processor: route.processing.createProcessor((line, position, level, fields) =>
        this.#writer.add(line, position, level === 0 ? this.#level : level, fields),
      ),
      onBatch: (batch) => this.#deliver(unit, batch, accountOf(origin)),
    }
    this.#units.set(name, unit)
    return unit
  }

  #originOf(unit: string): LogOrigin {
    return {
      id: `journal/${unit}`,
      kind: 'journal',
      node: this.#options.context.nodeName,
      namespace: '',
      pod: '',
      podUid: '',
      container: unit,
      containerId: '',
      image: '',
      owner: undefined,
      labels: {},
      annotations: {},
    }
  }

  #deliver({ route }: Unit, batch: LogBatch, account: Account): void {
    const step = this.#step!
    step.left++
    route.distribution.deliver(batch, () => {
      account.acknowledge(batch.count, batch.text.length)
      this.#finish(step)
    })
  }

  #finish(step: Step): void {
    step.left--
    let safe: Step | undefined
    while (this.#steps[0]?.left === 0) {
      safe = this.#steps.shift()!
      for (const { account, losses } of safe.dropped) account.settle(losses)
    }
    if (safe === undefined) return
    const entry: LedgerEntry = {
      path: ledgerPath,
      inode: ledgerPath,
      file: `journal-${this.#sequence}`,
      generation: 0,
      offset: safe.position,
      cursor: safe.cursor,
      fingerprint: noFingerprint,
      isFinished: false,
    }
    this.#entry = this.#options.ledger.put(entry, this.#entry)
  }
}

/** What journalctl is to be given so that it tells this machine's entries alone. */
function ownEntries(): string[] {
  try {
    return [`_MACHINE_ID=${readFileSync('/etc/machine-id', 'utf8').trim()}`]
  } catch {
    return []
  }
}

function parseEntry(line: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? (entry as Entry) : undefined
  } catch {
    return undefined
  }
}

/** `s=<sequence>;i=<number>;…`: the number grows by one with each entry of the sequence. */
function readCursor(cursor: unknown): { readonly cursor: string; readonly sequence: string; readonly position: number } | undefined {
  const match = typeof cursor === 'string' ? /^s=([0-9a-f]{1,32});i=([0-9a-f]{1,13});/.exec(cursor) : null
  return match === null ? undefined : { cursor: cursor as string, sequence: match[1]!, position: Number.parseInt(match[2]!, 16) }
}

/** Text comes as a text, what is none as a list of bytes. */
function textOf(message: unknown): Buffer {
  if (typeof message === 'string') return Buffer.from(message)
  const isBytes = Array.isArray(message) && message.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)
  return isBytes ? Buffer.from(message as number[]) : Buffer.from('')
}
