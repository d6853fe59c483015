import type { RE2JS } from 're2js'
import { matchesLabels } from '../../../lib/label-selector.ts'
import type { LabelSelector } from '../../../lib/label-selector.ts'
import { logLevels } from '../log-batch.ts'
import type { LogOrigin } from '../log-batch.ts'
import { timeOf } from './block.ts'
import type { BlockHeader, BlockLines } from './block.ts'
import { podSubject } from './line-subject.ts'
import type { LineSubject } from './line-subject.ts'

/** Which lines are wanted. What is absent does not matter. */
export interface LineFilter {
  readonly kinds?: readonly LogOrigin['kind'][]
  readonly namespaces?: readonly string[]
  /** Whose lines, and of events and audit what is about it. */
  readonly pod?: string
  readonly container?: string
  readonly selector?: LabelSelector
  /** Lines that are at least as grave; lines of unknown level are not. */
  readonly level?: (typeof logLevels)[number]
  /** ns since the epoch: from `since` on, before `until`. */
  readonly since?: bigint
  readonly until?: bigint
  /** The text has this in it, byte by byte. */
  readonly match?: string
  /** The text has a match of this expression of RE2 in it. */
  readonly regex?: RE2JS
}

/** A stretch of scanning with an expression ends after so long, for others to have their turn. */
const sliceMs = 8

/** Finds the lines of blocks that a filter wants. */
export class LineScanner {
  readonly #filter: LineFilter
  readonly #needle: Buffer | undefined
  readonly #levelBits: number
  readonly #wanted = new WeakMap<LogOrigin, boolean>()

  constructor(filter: LineFilter) {
    this.#filter = filter
    const literal = filter.match ?? (filter.regex === undefined ? undefined : requiredLiteral(filter.regex.pattern()))
    this.#needle = literal === undefined || literal === '' ? undefined : Buffer.from(literal)
    const lowest = filter.level === undefined ? 0 : logLevels.indexOf(filter.level)
    this.#levelBits = (0xff << lowest) & 0xff
  }

  /** Whether a block may have such a line at all. */
  mayHave(header: BlockHeader, origin: LogOrigin): boolean {
    const { since, until } = this.#filter
    if ((header.levelBits & this.#levelBits) === 0) return false
    if ((since !== undefined && header.maxTime < since) || (until !== undefined && header.minTime >= until)) return false
    let isWanted = this.#wanted.get(origin)
    if (isWanted === undefined) {
      isWanted = this.#isWanted(origin)
      this.#wanted.set(origin, isWanted)
    }
    return isWanted
  }

  /** Indexes of the wanted lines of a block with lines of a kind, from line `first` on, in the order of their times. */
  async scan(block: BlockLines, kind: LogOrigin['kind'], first = 0): Promise<Uint32Array> {
    const found = new Uint32Array(block.header.count)
    let count = 0
    const { regex, match, pod } = this.#filter
    const subject = pod === undefined ? undefined : podSubject(kind, pod)
    const isWanted = this.#lineTest(block, subject)
    const needle = this.#needle ?? subject?.needle
    const candidates = needle === undefined ? range(first, block.header.count) : linesWith(block, needle, first)
    let sliceEnd = performance.now() + sliceMs
    for (const line of candidates) {
      if (!isWanted(line)) continue
      if (regex !== undefined && !(match === undefined && isPlain(regex, this.#needle))) {
        if (performance.now() > sliceEnd) {
          await new Promise<void>((resolve) => setImmediate(resolve))
          sliceEnd = performance.now() + sliceMs
        }
        if (!regex.matcher(textOf(block, line)).find()) continue
      }
      found[count++] = line
    }
    return inOrder(block, found.subarray(0, count))
  }

  #isWanted(origin: LogOrigin): boolean {
    const { kinds, namespaces, pod, container, selector } = this.#filter
    return (
      (kinds === undefined || kinds.includes(origin.kind)) &&
      (namespaces === undefined || namespaces.includes(origin.namespace)) &&
      (pod === undefined || origin.pod === pod || podSubject(origin.kind, pod) !== undefined) &&
      (container === undefined || origin.container === container) &&
      (selector === undefined || matchesLabels(selector, origin.labels))
    )
  }

  /** What has to be looked at line by line: times and levels only where the block has others, too. */
  #lineTest(block: BlockLines, subject: LineSubject | undefined): (line: number) => boolean {
    const { since, until } = this.#filter
    const { header, flags } = block
    const isInside = (since === undefined || header.minTime >= since) && (until === undefined || header.maxTime < until)
    const hasOthers = (header.levelBits & ~this.#levelBits) !== 0
    if (isInside && !hasOthers && subject === undefined) return () => true
    return (line) => {
      if (hasOthers && ((1 << (flags[line]! & 15)) & this.#levelBits) === 0) return false
      if (subject?.has(block, line) === false) return false
      if (isInside) return true
      const time = timeOf(block, line)
      return (since === undefined || time >= since) && (until === undefined || time < until)
    }
  }
}

/** The text of a line. */
export function textOf({ text, ends }: BlockLines, line: number): string {
  return text.toString('utf8', line === 0 ? 0 : ends[line - 1], ends[line])
}

/** An expression that is nothing but its literal needs no second look. */
const isPlain = (regex: RE2JS, needle: Buffer | undefined) =>
  needle !== undefined && regex.flags() === 0 && regex.pattern() === needle.toString()

function* range(from: number, to: number): Generator<number> {
  for (let line = from; line < to; line++) yield line
}

/** Lines that have the bytes in them, whole: texts lie without anything between them. */
function* linesWith({ text, ends }: BlockLines, needle: Buffer, first: number): Generator<number> {
  let line = first
  let from = first === 0 ? 0 : ends[first - 1]!
  while (line < ends.length) {
    const at = text.indexOf(needle, from)
    if (at < 0) return
    if (ends[line]! <= at) line = lineAt(ends, line, at)
    if (at + needle.length <= ends[line]!) {
      yield line
      from = ends[line++]!
    } else from = at + 1
  }
}

/** The line at or behind `low` in which a byte lies. */
function lineAt(ends: Uint32Array, low: number, byte: number): number {
  let high = ends.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]! > byte) high = middle
    else low = middle + 1
  }
  return low
}

/** Lines mostly come in the order of their times already. */
function inOrder(block: BlockLines, lines: Uint32Array): Uint32Array {
  const { timesHigh, timesLow } = block
  const compare = (a: number, b: number) => timesHigh[a]! - timesHigh[b]! || timesLow[a]! - timesLow[b]! || a - b
  for (let index = 1; index < lines.length; index++) if (compare(lines[index - 1]!, lines[index]!) > 0) return lines.sort(compare)
  return lines
}

/**
 * A text that every match of an expression has in it: the longest run of plain characters outside of groups, classes and repetitions. `undefined`
 * where there is none for sure.
 */
export function requiredLiteral(pattern: string): string | undefined {
  // Flags change what plain characters mean, alternatives make none of them necessary.
  if (/\(\?[a-zA-Z-]*[imsUx]/.test(pattern) || hasAlternative(pattern)) return undefined
  let best = ''
  let run = ''
  const end = () => {
    if (run.length > best.length) best = run
    run = ''
  }
  const characters = Array.from(pattern)
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index]!
    if (character === '(' || character === '[') {
      end()
      index = closing(characters, index)
    } else if (character === '\\') {
      const escaped = characters[++index] ?? ''
      if (/[^A-Za-z0-9]/.test(escaped)) run += escaped
      else return best.length > 0 || run.length > 0 ? longest(best, run) : undefined
    } else if ('*?{'.includes(character)) {
      run = Array.from(run).slice(0, -1).join('')
      end()
      if (character === '{') index = Math.max(index, characters.indexOf('}', index))
    } else if ('.^$+)]}'.includes(character)) end()
    else run += character
  }
  end()
  return best === '' ? undefined : best
}

const longest = (a: string, b: string) => (a.length >= b.length ? a : b)

/** Whether a bar stands outside of groups and classes. */
function hasAlternative(pattern: string): boolean {
  const characters = Array.from(pattern)
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index]
    if (character === '\\') index++
    else if (character === '(' || character === '[') index = closing(characters, index)
    else if (character === '|') return true
  }
  return false
}

/** Where the group or class that opens at `index` ends. */
function closing(characters: readonly string[], index: number): number {
  if (characters[index] === '[') {
    // A bracket right at the start of a class is one of its members.
    let at = index + 1
    if (characters[at] === '^') at++
    if (characters[at] === ']') at++
    for (; at < characters.length; at++) {
      if (characters[at] === '\\') at++
      else if (characters[at] === '[' && characters[at + 1] === ':') at = Math.max(at, characters.indexOf(']', at))
      else if (characters[at] === ']') return at
    }
    return characters.length
  }
  let depth = 0
  for (let at = index; at < characters.length; at++) {
    if (characters[at] === '\\') at++
    else if (characters[at] === '[') at = closing(characters, at)
    else if (characters[at] === '(') depth++
    else if (characters[at] === ')' && --depth === 0) return at
  }
  return characters.length
}
