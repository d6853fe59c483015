import type { Account } from '../accounts.ts'
import { mayBegin, readBeginning } from './fingerprint.ts'
import { isSameContent, readCompressedBeginning } from './gzip-file.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import { Progress } from './progress.ts'

/** Content that is not open: it was read in part, or is finished, and may be found again under another name. */
export interface Orphan {
  readonly progress: Progress
  /** Bytes that are known to have been there and were not read. */
  readonly lostBytes: number
}

/** Finished content that is remembered, lest a copy of it be read again. */
const maxFinished = 24

/** What is known of a path's content that is not open, oldest first. */
export class Orphans {
  readonly #ledger: Ledger
  readonly #path: string
  #all: Orphan[]

  /** All that the ledger knows of the path. */
  constructor(ledger: Ledger, path: string) {
    this.#ledger = ledger
    this.#path = path
    this.#all = ledger.entriesOf(path).map((entry) => ({ progress: new Progress(ledger, entry), lostBytes: 0 }))
  }

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  add(progress: Progress, lostBytes = 0): void {
    this.#all.push({ progress, lostBytes })
  }

  ofInode(inode: string): Orphan | undefined {
    return this.#all.find(({ progress }) => progress.entry.inode === inode)
  }

  /** Content that was read before under another inode: an open file is a copy of it, or its compressed form. `isThere`: the inode itself still is. */
  async withContentOf(fd: number, isCompressed: boolean, isThere: (entry: LedgerEntry) => boolean): Promise<Orphan | undefined> {
    const isPossible = ({ progress: { handedPrint, entry } }: Orphan) =>
      handedPrint.end > 0 && handedPrint.tail.length > 0 && !isThere(entry)
    if (!this.#all.some(isPossible)) return undefined
    // All of a file is looked at for those alone that begin alike: there may be many, and decompressing takes long.
    const beginning = isCompressed ? await readCompressedBeginning(fd) : readBeginning(fd)
    for (const orphan of this.#all) {
      const { handedPrint } = orphan.progress
      if (!isPossible(orphan) || !mayBegin(beginning, handedPrint)) continue
      if (await isSameContent(fd, isCompressed, handedPrint)) return orphan
    }
    return undefined
  }

  remove(orphan: Orphan): void {
    this.#all = this.#all.filter((one) => one !== orphan)
  }

  /** What was not read of content that is nowhere any more is lost, and forgotten: should it come back after all, it is read. */
  mourn(account: Account): void {
    for (const { progress, lostBytes } of this.#all) {
      if (progress.entry.isFinished) continue
      if (lostBytes > 0) account.lose('truncated', lostBytes)
      else if (progress.entry.inode !== '') account.gone()
      this.#ledger.keep(this.#path, (entry) => entry !== progress.entry)
    }
    this.#all = this.#all.filter(({ progress }) => progress.entry.isFinished).slice(-maxFinished)
  }
}
