import type { Fingerprint } from './fingerprint.ts'
import { noFingerprint } from './fingerprint.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'

interface Step {
  readonly position: number
  readonly fingerprint: Fingerprint
  readonly onSafe: (() => void) | undefined
  isDone: boolean
}

/** What is known of a file when it is opened. */
export interface ProgressStart {
  readonly path: string
  readonly inode: string
  readonly file: string
  readonly generation: number
}

/** How far one file is acknowledged: in order, whatever the order in which sinks acknowledge. */
export class Progress {
  readonly #ledger: Ledger
  #entry: LedgerEntry
  #steps: Step[] = []
  /** Read to here, and handed on. */
  #handed: number
  #handedPrint: Fingerprint

  constructor(ledger: Ledger, start: ProgressStart | LedgerEntry) {
    this.#ledger = ledger
    if ('offset' in start) this.#entry = start
    else this.#entry = ledger.put({ ...start, offset: 0, fingerprint: noFingerprint, isFinished: false }, undefined)
    this.#handed = this.#entry.offset
    this.#handedPrint = this.#entry.fingerprint
  }

  get entry(): LedgerEntry {
    return this.#entry
  }

  /** The byte behind the last line that is safe. */
  get acknowledged(): number {
    return this.#entry.offset
  }

  /** The byte behind the last line that was handed on. */
  get handed(): number {
    return this.#handed
  }

  get handedPrint(): Fingerprint {
    return this.#handedPrint
  }

  get hasUnacknowledged(): boolean {
    return this.#steps.length > 0
  }

  /**
   * What was read up to `position` is under way; the answer is to be called when it is safe. `onSafe` is called when all that lies before `position`
   * is: what it changes is saved together with the position.
   */
  begin(position: number, fingerprint: Fingerprint, onSafe?: () => void): () => void {
    const step = { position, fingerprint, onSafe, isDone: false }
    this.#steps.push(step)
    this.#handed = Math.max(this.#handed, position)
    this.#handedPrint = fingerprint
    return () => {
      step.isDone = true
      this.#settle()
    }
  }

  /** Where nothing of what was read is left to hand on. */
  skipTo(position: number, fingerprint: Fingerprint, onSafe?: () => void): void {
    this.begin(position, fingerprint, onSafe)()
  }

  /**
   * Before the first line of a file is told: what it looks like, so that after a crash other content is not taken for it. Answers whether that was
   * unknown, and has to be saved.
   */
  describe(beginning: () => Fingerprint): boolean {
    if (this.#handedPrint.end > 0 || this.#handed > 0) return false
    const fingerprint = beginning()
    this.#handedPrint = fingerprint
    this.#replace({ ...this.#entry, fingerprint })
    return true
  }

  /** Its name has become known. Lines may be told from then on. */
  name(file: string): void {
    this.#replace({ ...this.#entry, file })
  }

  /** Nothing more will come of this file. */
  finish(): void {
    this.#replace({ ...this.#entry, isFinished: true })
  }

  /** The same content is found under another inode from now on; `undefined` while nobody knows where. */
  moveTo(inode: string | undefined): void {
    this.#replace({ ...this.#entry, inode: inode ?? '' })
  }

  #settle(): void {
    let last: Step | undefined
    while (this.#steps[0]?.isDone === true) {
      last = this.#steps.shift()!
      last.onSafe?.()
    }
    if (last === undefined) return
    this.#replace({ ...this.#entry, offset: Math.max(last.position, this.#entry.offset), fingerprint: last.fingerprint })
  }

  #replace(entry: LedgerEntry): void {
    this.#entry = this.#ledger.put(entry, this.#entry)
  }
}
