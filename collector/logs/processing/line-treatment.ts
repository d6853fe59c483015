import type { Account, LossReason } from '../accounts.ts'
import { createSlice, timeOf, type Slice } from '../decoding/slice.ts'
import type { LogOrigin } from '../log-batch.ts'
import { describeLostLine } from '../lost-lines.ts'
import type { LineOutput, LineProcessor } from '../reading/line-chain.ts'
import { detectLevel, levelOfWord } from './levels.ts'
import type { LineMetrics } from './line-metrics.ts'
import { createParser, levelField, type Fields, type Parser } from './parsers.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import type { RateLimit } from './rate-limit.ts'
import { mayHoldSecret, redactText } from './redaction.ts'
import type { Treatment } from './treatment.ts'

/** What a treatment needs of its surroundings. */
export interface TreatmentContext {
  readonly origin: LogOrigin
  readonly account: Account
  readonly limit: RateLimit | undefined
  readonly metrics: LineMetrics
  readonly monotonic: () => number
}

/** A treatment made ready for lines; shared by all files of an origin. */
export class CompiledTreatment {
  readonly context: TreatmentContext
  readonly parser: Parser | undefined
  readonly drop: readonly Pattern[]
  readonly keep: readonly Pattern[]
  readonly sample: readonly { readonly pattern: Pattern; readonly oneOf: number; seen: number }[]
  readonly redactPatterns: readonly Pattern[]
  readonly isRedacted: boolean
  readonly metrics: readonly ReturnType<LineMetrics['of']>[]
  /** Whether lines are looked at as texts before they are redacted. */
  readonly isFiltered: boolean
  /** Whether they are looked at as texts after that. */
  readonly needsText: boolean

  constructor(treatment: Treatment, context: TreatmentContext) {
    this.context = context
    this.parser = treatment.parser === undefined ? undefined : createParser(treatment.parser)
    this.drop = treatment.drop.map(compilePattern)
    this.keep = treatment.keep.map(compilePattern)
    this.sample = treatment.sample.map(({ pattern, oneOf }) => ({ pattern: compilePattern(pattern), oneOf, seen: 0 }))
    this.redactPatterns = treatment.redactPatterns.map(compilePattern)
    this.isRedacted = treatment.isRedacted
    this.metrics = treatment.metrics.map((settings) => context.metrics.of(settings))
    this.isFiltered = this.drop.length + this.keep.length + this.sample.length > 0
    this.needsText = this.parser !== undefined || this.metrics.length > 0
  }

  /** Why a line goes no further; `undefined` for one that does. */
  refusal(text: string): LossReason | undefined {
    if (this.keep.length > 0 && !this.keep.some((pattern) => pattern.test(text))) return 'drop'
    if (this.drop.some((pattern) => pattern.test(text))) return 'drop'
    for (const rule of this.sample) {
      if (rule.pattern.test(text) && rule.seen++ % rule.oneOf !== 0) return 'sample'
    }
    return undefined
  }
}

const newline = 0x0a
/** What is looked at of a line that is kept as a sample: enough to see where a secret in its beginning ends. */
const sampledBytes = 8192

/** Whole entries, one after the other: limit, filter, redaction, level, fields, figures. */
export class LineTreatment implements LineProcessor {
  readonly oldestHeld = Number.POSITIVE_INFINITY
  readonly dueAt = Number.POSITIVE_INFINITY
  readonly #compiled: CompiledTreatment
  readonly #output: LineOutput
  readonly #changed = createSlice()

  constructor(compiled: CompiledTreatment, output: LineOutput) {
    this.#compiled = compiled
    this.#output = output
  }

  flush(): void {}

  process(slice: Slice, position: number, cut: number): void {
    const compiled = this.#compiled
    const { account, limit, monotonic } = compiled.context
    const bytes = slice.end - slice.start
    if (limit !== undefined && !limit.take(bytes, monotonic())) return this.#drop('limit', slice)
    if (compiled.isFiltered) {
      const refusal = compiled.refusal(slice.buffer.toString('utf8', slice.start, slice.end))
      if (refusal !== undefined) return this.#drop(refusal, slice)
    }
    let line = slice
    if (compiled.isRedacted && (compiled.redactPatterns.length > 0 || mayHoldSecret(slice.buffer, slice.start, slice.end))) {
      const text = slice.buffer.toString('utf8', slice.start, slice.end)
      const hidden = redactText(text, compiled.redactPatterns)
      if (hidden !== text) line = this.#replace(slice, Buffer.from(hidden))
    }
    if (cut > 0) {
      account.cut(cut)
      line = this.#replace(line, Buffer.concat([line.buffer.subarray(line.start, line.end), Buffer.from(` […${cut} bytes cut]`)]))
    }
    this.#tell(line, position)
  }

  #drop(reason: LossReason, slice: Slice): void {
    const { context, isRedacted, redactPatterns } = this.#compiled
    const { account, monotonic } = context
    const bytes = slice.end - slice.start
    account.drop(reason, bytes)
    const now = monotonic()
    if (!account.wantsSample(reason, now)) return
    const beginning = slice.buffer.toString('utf8', slice.start, Math.min(slice.end, slice.start + sampledBytes))
    const text = isRedacted ? redactText(beginning, redactPatterns) : beginning
    account.addSample(reason, now, describeLostLine(timeOf(slice), bytes, text))
  }

  #tell(line: Slice, position: number): void {
    const { needsText, parser, metrics, context } = this.#compiled
    if (!needsText) return this.#output(line, position, detectLevel(line.buffer, line.start, line.end), undefined)
    const text = line.buffer.toString('utf8', line.start, line.end)
    const fields = parser?.(text)
    for (const metric of metrics) metric.observe(context.origin, text, fields)
    this.#output(line, position, levelOf(line, fields), fields)
  }

  #replace(slice: Slice, text: Buffer): Slice {
    const changed = this.#changed
    changed.buffer = text
    changed.start = 0
    changed.end = text.length
    changed.stream = slice.stream
    changed.timeHigh = slice.timeHigh
    changed.timeLow = slice.timeLow
    return changed
  }
}

function levelOf(line: Slice, fields: Fields | undefined): number {
  const named = fields === undefined ? undefined : levelField(fields)
  const known =
    typeof named === 'number' ? (named >= 10 && named <= 60 ? Math.floor(named / 10) : 0) : named === undefined ? 0 : levelOfWord(named)
  return known === 0 ? detectLevel(line.buffer, line.start, line.end) : known
}

/** Lines of one stream that make up an entry. */
class Entry {
  readonly slice = createSlice()
  parts: Buffer[] = []
  bytes = 0
  lines = 0
  cut = 0
  position = Number.POSITIVE_INFINITY
  lastAt = 0
}

export interface GrouperOptions {
  readonly start: Pattern
  readonly timeoutMs: number
  readonly maxLines: number
  readonly maxBytes: number
  readonly monotonic: () => number
}

/** Joins the lines of each stream into entries: one begins where a line matches, and ends before the next that does, or after a time. */
export class EntryGrouper implements LineProcessor {
  readonly #options: GrouperOptions
  readonly #next: LineProcessor
  readonly #entries = [new Entry(), new Entry()]

  constructor(options: GrouperOptions, next: LineProcessor) {
    this.#options = options
    this.#next = next
  }

  get oldestHeld(): number {
    return Math.min(this.#entries[0]!.position, this.#entries[1]!.position)
  }

  get dueAt(): number {
    let dueAt = Number.POSITIVE_INFINITY
    for (const { lines, lastAt } of this.#entries) if (lines > 0) dueAt = Math.min(dueAt, lastAt + this.#options.timeoutMs)
    return dueAt
  }

  process(slice: Slice, position: number, cut: number): void {
    const { start, maxLines, maxBytes, monotonic } = this.#options
    const entry = this.#entries[slice.stream]!
    const isFull = entry.lines >= maxLines || entry.bytes + slice.end - slice.start > maxBytes
    if (entry.lines > 0 && (isFull || start.test(slice.buffer.toString('utf8', slice.start, slice.end)))) this.#tell(entry)
    if (entry.lines === 0) {
      entry.position = position
      entry.slice.stream = slice.stream
      entry.slice.timeHigh = slice.timeHigh
      entry.slice.timeLow = slice.timeLow
    }
    entry.parts.push(Buffer.from(slice.buffer.subarray(slice.start, slice.end)))
    entry.bytes += slice.end - slice.start + 1
    entry.lines++
    entry.cut += cut
    entry.lastAt = monotonic()
  }

  flush(): void {
    for (const entry of this.#entries.toSorted((a, b) => a.position - b.position)) if (entry.lines > 0) this.#tell(entry)
  }

  #tell(entry: Entry): void {
    const { slice, parts, position, cut } = entry
    const text = Buffer.allocUnsafe(entry.bytes - 1)
    let at = 0
    for (const part of parts) {
      if (at > 0) text[at++] = newline
      at += part.copy(text, at)
    }
    slice.buffer = text
    slice.start = 0
    slice.end = at
    entry.parts = []
    entry.bytes = 0
    entry.lines = 0
    entry.cut = 0
    entry.position = Number.POSITIVE_INFINITY
    this.#next.process(slice, position, cut)
    slice.buffer = Buffer.alloc(0)
  }
}
