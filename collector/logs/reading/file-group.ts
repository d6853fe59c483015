import { closeSync } from 'node:fs'
import type { Clock, Timer } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { BatchWriter } from './batch-writer.ts'
import { contentName, hasFingerprint, readBeginning } from './fingerprint.ts'
import { FollowedFile, type QueuedFile } from './followed-file.ts'
import { GzipFile, readCompressedBeginning } from './gzip-file.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import type { LineContext } from './line-chain.ts'
import { openRegular, type OpenedFile } from './opened-file.ts'
import { Orphans } from './orphans.ts'
import { Progress } from './progress.ts'
import { areAsSeen, isBeingWritten, listSiblings, type Sibling } from './siblings.ts'

export interface FileGroupOptions {
  readonly path: string
  /** Where a file that nothing is known of begins. */
  readonly from: 'beginning' | 'end'
  /** Whether each line has a time, so that no two files of the path begin alike. */
  readonly isTimed: boolean
  /** Whether the path may be a symbolic link. */
  readonly followsLinks: boolean
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Log
  readonly context: LineContext
  /** There may be something to read. */
  readonly wake: () => void
  /** All of the path was read, and it was ended. */
  readonly onDone: (group: FileGroup) => void
}

/** A renamed file to which nothing was written for so long has no writer any more. */
const quietMs = 2000

/**
 * One followed path: the file that is there now, those that were there before and are not read to their end, oldest first. Each is held
 * open, so that neither renaming nor removal takes anything away. What rotation left beside the path is found by inode, and copies and
 * compressed forms by their content.
 */
export class FileGroup {
  readonly path: string
  readonly #options: FileGroupOptions
  readonly #files: QueuedFile[] = []
  #active: FollowedFile | undefined
  readonly #orphans: Orphans
  readonly #retired = new Set<Progress>()
  #scan: Promise<void> | undefined
  #isScanWanted = false
  #hasScanned = false
  #isEnding = false
  /** A change of what becomes of lines may have two readers ask at once. */
  #isPulling = false
  #isWanted = true
  #isClosed = false
  #timer: Timer | undefined

  constructor(options: FileGroupOptions) {
    this.#options = options
    this.path = options.path
    this.#orphans = new Orphans(options.ledger, options.path)
  }

  get files(): readonly QueuedFile[] {
    return this.#files
  }

  get context(): LineContext {
    return this.#options.context
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether the kernel tells when its file grows. */
  get isWatched(): boolean {
    return this.#active?.isWatched ?? true
  }

  /** Looks at what the path leads to, at once, and at what lies beside it, soon. To be called when its folder has changed, and now and then. */
  look(): void {
    if (this.#isClosed || !this.#isWanted) return
    const opened = openRegular(this.path, this.#options.followsLinks)
    if (opened === undefined) this.#detach()
    else if (this.#files.some(({ inode }) => inode === opened.inode)) {
      closeSync(opened.fd)
      this.#reattach(opened.inode)
    } else {
      this.#detach()
      this.#adoptActive(opened)
      this.#isScanWanted = true
    }
    if (!this.#hasScanned || this.#isScanWanted) this.#scanSoon()
    this.#options.wake()
  }

  /** Looks beside the path even if nothing seems to have changed. */
  sweep(): void {
    this.#isScanWanted = true
    this.look()
  }

  /** Nothing more will be written: what is there is read to its end, then all is closed. */
  end(): void {
    this.look()
    this.#isEnding = true
    if (this.#isWanted) this.#options.wake()
    else this.close()
  }

  /** Whether its lines are wanted. While they are not, nothing is held open. */
  want(isWanted: boolean): void {
    if (this.#isClosed || isWanted === this.#isWanted) return
    this.#isWanted = isWanted
    if (isWanted) return this.sweep()
    for (const file of this.#files.splice(0)) {
      this.#orphans.add(file.progress)
      file.close()
    }
    this.#active = undefined
  }

  /** It is written again. */
  resume(): void {
    this.#isEnding = false
    this.look()
  }

  /** What is done with lines has changed. */
  renew(): void {
    for (const file of this.#files) file.renew()
  }

  /** Reads a block of the oldest file that has something. `false` when all is read. */
  async pull(maxBytes: number, writer: BatchWriter): Promise<boolean> {
    if (this.#isClosed || !this.#isWanted || !this.#hasScanned || this.#isPulling) return false
    this.#isPulling = true
    try {
      return await this.#pull(maxBytes, writer)
    } finally {
      this.#isPulling = false
    }
  }

  async #pull(maxBytes: number, writer: BatchWriter): Promise<boolean> {
    const now = this.#options.clock.monotonic()
    for (const file of this.#files.slice()) {
      if (await file.pull(maxBytes, writer)) return true
      if (file.dueAt <= now) file.flushHeld(writer)
      if ((file.isDetached || this.#isEnding) && now - file.lastGrowth >= quietMs) this.#finish(file, writer)
    }
    this.#arm(now)
    if (this.#isEnding && this.#files.length === 0 && this.#scan === undefined) this.close()
    return false
  }

  backlog(): number {
    return this.#files.reduce((sum, file) => sum + file.backlog(), 0)
  }

  /** Removed files that are held open: how many, and what of them is not read. */
  held(): { readonly files: number; readonly bytes: number } {
    let files = 0
    let bytes = 0
    for (const file of this.#files) {
      if (!file.isUnlinked()) continue
      files++
      bytes += file.backlog()
    }
    return { files, bytes }
  }

  /** Gives up the oldest file, if there is more than the current one; what was not read of it is lost. Returns whether there was one. */
  giveUpOldest(): boolean {
    const file = this.#files.find(({ isDetached }) => isDetached)
    if (file === undefined) return false
    this.#options.context.account.lose('held', file.backlog())
    this.#retire(file)
    return true
  }

  /** Closes every file. What was not read stays for the next start. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#timer?.cancel()
    for (const file of this.#files) {
      file.close()
      this.#retired.add(file.progress)
    }
    this.#files.length = 0
    this.#active = undefined
    this.#options.onDone(this)
  }

  /** Whether everything that was handed on is safe. */
  get isSettled(): boolean {
    for (const progress of this.#retired) if (!progress.hasUnacknowledged) this.#retired.delete(progress)
    return this.#retired.size === 0 && this.#files.every(({ progress }) => !progress.hasUnacknowledged)
  }

  #detach(): void {
    if (this.#active === undefined) return
    this.#active.isDetached = true
    this.#active.lastGrowth = this.#options.clock.monotonic()
    this.#active = undefined
    this.#isScanWanted = true
  }

  /** A name that was given back. */
  #reattach(inode: string): void {
    if (this.#active?.inode === inode) return
    const file = this.#files.find((one) => one.inode === inode)
    if (!(file instanceof FollowedFile)) return
    this.#detach()
    file.isDetached = false
    this.#active = file
  }

  #adoptActive({ fd, inode, size }: OpenedFile): void {
    const { ledger, from } = this.#options
    const known = this.#orphans.ofInode(inode)
    if (known !== undefined) this.#orphans.remove(known)
    let progress = known?.progress
    if (progress !== undefined && !isWhereItWas(fd, size, progress)) {
      // Emptied and written again while nobody looked.
      this.#options.context.account.truncated()
      this.#loseTrackOf(progress, 0)
      progress = this.#nextGeneration(inode, progress.entry)
    }
    if (progress === undefined) {
      progress = new Progress(ledger, { path: this.path, inode, file: this.#options.isTimed ? '' : inode, generation: 0 })
      const isFirstLook = !this.#hasScanned && known === undefined && this.#orphans.isEmpty
      if (from === 'end' && isFirstLook && size > 0) progress.skipTo(size, { ...progress.handedPrint, end: size })
    }
    this.#active = this.#follow(fd, inode, progress)
    this.#files.push(this.#active)
  }

  #follow(fd: number, inode: string, progress: Progress): FollowedFile {
    const { clock, context } = this.#options
    return new FollowedFile({
      fd,
      inode,
      progress,
      context,
      monotonic: () => clock.monotonic(),
      onChange: () => this.#options.wake(),
      save: () => this.#options.ledger.save(),
      nameContent: (open) => contentName(this.path, readBeginning(open)),
      onTruncated: (file, lostBytes) => {
        context.account.truncated()
        this.#loseTrackOf(file.progress, lostBytes)
        this.#isScanWanted = true
        this.#scanSoon()
        return this.#nextGeneration(file.inode, file.progress.entry)
      },
    })
  }

  #loseTrackOf(progress: Progress, lostBytes: number): void {
    progress.moveTo(undefined)
    this.#orphans.add(progress, lostBytes)
  }

  #nextGeneration(inode: string, { generation, path }: LedgerEntry): Progress {
    const { ledger, isTimed } = this.#options
    const next = generation + 1
    return new Progress(ledger, { path, inode, file: isTimed ? '' : `${inode}-${next.toString(36)}`, generation: next })
  }

  #finish(file: QueuedFile, writer: BatchWriter): void {
    file.flushAll(writer)
    // The file of an ended container may go on after a restart of the container.
    if (file.isDetached) file.progress.finish()
    this.#retire(file)
  }

  #retire(file: QueuedFile): void {
    this.#files.splice(this.#files.indexOf(file), 1)
    if (this.#active === file) this.#active = undefined
    this.#retired.add(file.progress)
    if (file.progress.entry.isFinished) this.#orphans.add(file.progress)
    file.close()
  }

  /** Wakes the reader when there will be something to do though nothing is written. */
  #arm(now: number): void {
    this.#timer?.cancel()
    let dueAt = Number.POSITIVE_INFINITY
    for (const file of this.#files) {
      dueAt = Math.min(dueAt, file.dueAt)
      if (file.isDetached || this.#isEnding) dueAt = Math.min(dueAt, file.lastGrowth + quietMs)
    }
    if (dueAt === Number.POSITIVE_INFINITY) return
    this.#timer = this.#options.clock.setTimer(Math.max(1, dueAt - now), () => this.#options.wake())
  }

  #scanSoon(): void {
    if (this.#scan !== undefined) return
    this.#isScanWanted = false
    this.#scan = this.#scanSiblings()
      .catch((err: unknown) => this.#options.log.warn({ err, path: this.path }, 'rotated files can not be looked at'))
      .finally(() => {
        this.#scan = undefined
        this.#hasScanned = true
        if (this.#isScanWanted) this.#scanSoon()
        this.#options.wake()
      })
  }

  async #scanSiblings(): Promise<void> {
    const { followsLinks, ledger } = this.#options
    const seen = new Map<string, string | undefined>()
    let insertAt = 0
    for (const sibling of listSiblings(this.path)) {
      if (this.#isClosed || !this.#isWanted) return
      const opened = openRegular(sibling.path, followsLinks)
      seen.set(sibling.path, opened?.inode)
      if (opened === undefined) continue
      if (isBeingWritten(sibling)) {
        closeSync(opened.fd)
        continue
      }
      const held = this.#files.findIndex(({ inode }) => inode === opened.inode)
      if (held >= 0) insertAt = held + 1
      const file = held >= 0 ? undefined : await this.#openSibling(sibling, opened)
      if (file === undefined) closeSync(opened.fd)
      else this.#files.splice(insertAt++, 0, file)
    }
    // What was renamed or compressed in the middle of this may have been missed: nothing is given up before a look at what stood still.
    if (!areAsSeen(this.path, followsLinks, seen)) this.#isScanWanted = true
    else if (this.#isWanted) this.#orphans.mourn(this.#options.context.account)
    // Those that are there at the start are saved together.
    const described = this.#files.filter((file) => file instanceof FollowedFile && file.describe())
    if (described.length > 0) await ledger.save()
  }

  /** A file for what is to be read of a rotated file; `undefined` where that is nothing. */
  async #openSibling({ isCompressed }: Sibling, { fd, inode, size }: OpenedFile): Promise<QueuedFile | undefined> {
    const { ledger, from, context, clock } = this.#options
    const orphan = this.#orphans.ofInode(inode) ?? (await this.#orphans.withContentOf(fd, isCompressed, (entry) => this.#isBeside(entry)))
    let progress = orphan?.progress
    if (progress === undefined) {
      const isSkipped =
        from === 'end' && !this.#hasScanned && ledger.entriesOf(this.path).every((entry) => entry.inode === this.#active?.inode)
      const file = !this.#options.isTimed || isSkipped ? inode : ((await nameOf(this.path, fd, isCompressed)) ?? inode)
      progress = new Progress(ledger, { path: this.path, inode, file, generation: 0 })
      if (isSkipped) {
        progress.finish()
        this.#orphans.add(progress)
        return undefined
      }
    }
    if (progress.entry.inode !== inode) progress.moveTo(inode)
    if (progress.entry.file === '') progress.name((await nameOf(this.path, fd, isCompressed)) ?? inode)
    if (progress.entry.isFinished) return undefined
    if (orphan !== undefined) this.#orphans.remove(orphan)
    if (isCompressed) {
      const onDamaged = (err: Error) => {
        this.#options.log.warn({ err, path: this.path }, 'a compressed log can not be read to its end')
        context.account.lose('unreadable', size)
      }
      return new GzipFile({ fd, inode, progress, context, monotonic: () => clock.monotonic(), onDamaged })
    }
    const file = this.#follow(fd, inode, progress)
    file.isDetached = true
    return file
  }

  /** Whether the file itself is still there, so that another one can't be what became of it. */
  #isBeside({ inode }: LedgerEntry): boolean {
    return inode !== '' && this.#files.some((file) => file.inode === inode)
  }
}

function isWhereItWas(fd: number, size: number, { handed, handedPrint }: Progress): boolean {
  return size >= handed && size >= handedPrint.end && hasFingerprint(fd, handedPrint)
}

async function nameOf(path: string, fd: number, isCompressed: boolean): Promise<string | undefined> {
  return contentName(path, isCompressed ? await readCompressedBeginning(fd) : readBeginning(fd))
}
