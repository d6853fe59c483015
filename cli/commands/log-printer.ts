import { once } from 'node:events'
import { nameOfOrigin } from '../../collector/logs/store/log-records.ts'
import type { LineRecord } from '../../collector/logs/store/log-records.ts'
import { visibleText } from '../../lib/page/visible-text.ts'

export interface PrinterOptions {
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly isJson: boolean
}

const reset = '\x1b[0m'
const dim = '\x1b[2m'
/** Colours of names, which differ from those of levels. */
const nameColours = ['\x1b[36m', '\x1b[35m', '\x1b[32m', '\x1b[34m', '\x1b[96m', '\x1b[95m', '\x1b[92m', '\x1b[94m']
const levelColours: Readonly<Record<string, string>> = { warn: '\x1b[33m', error: '\x1b[31m', fatal: '\x1b[31;1m' }

/**
 * Prints lines as `time namespace/pod/container text`, or as the JSON that came. On a terminal names and grave levels have colours, and what a hostile line
 * could do to a terminal is made visible instead; elsewhere texts are passed on as they are.
 */
export class LinePrinter {
  readonly #options: PrinterOptions
  readonly #isTerminal: boolean
  #text = ''

  constructor(options: PrinterOptions) {
    this.#options = options
    this.#isTerminal = options.output.isTTY === true
  }

  /** `line` is the record as it came. */
  add(record: LineRecord, line: string): void {
    this.#text += this.#options.isJson ? `${this.#isTerminal ? this.neutral(line) : line}\n` : this.#format(record)
  }

  /** Text that does nothing to a terminal but show; as it is where there is none. */
  neutral(text: string): string {
    return this.#isTerminal ? visibleText(text) : text
  }

  /** Writes what was added; resolves when there is room for more. */
  async flush(): Promise<void> {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    if (!this.#options.output.write(text)) await once(this.#options.output, 'drain')
  }

  #format(record: LineRecord): string {
    const name = nameOfOrigin(record)
    const text = record.text.replaceAll('\n', '\n  ')
    if (!this.#isTerminal) return `${record.time} ${name} ${text}\n`
    const colour = levelColours[record.level ?? '']
    const shown = record.text.split('\n').map(visibleText).join('\n  ')
    const body = colour === undefined ? shown : `${colour}${shown}${reset}`
    return `${dim}${record.time}${reset} ${colourOf(name)}${visibleText(name)}${reset} ${body}\n`
  }
}

/** The same name has the same colour, in every run. */
function colourOf(name: string): string {
  let hash = 0
  for (let index = 0; index < name.length; index++) hash = (Math.imul(hash, 31) + name.charCodeAt(index)) >>> 0
  return nameColours[hash % nameColours.length]!
}
