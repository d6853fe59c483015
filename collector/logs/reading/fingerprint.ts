import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'

/** Some bytes of a file by their hash. */
export interface Mark {
  readonly length: number
  readonly hash: string
}

/** What a file looks like to somebody who has read its first `end` bytes. */
export interface Fingerprint {
  readonly end: number
  /** Of the first bytes. */
  readonly head: Mark
  /** Of the bytes before `end`. */
  readonly tail: Mark
}

/** What a fingerprint tells of a file's beginning. */
export const headBytes = 1024
const tailBytes = 256
/** What of a file's beginning is looked at to see that it is still there: lines may all end alike. */
const beginningBytes = 256
const noMark: Mark = { length: 0, hash: '' }

export const noFingerprint: Fingerprint = { end: 0, head: noMark, tail: noMark }

/** A name for an inode that no later one on the machine has, as far as its file system tells when it was born. */
export function inodeName({ dev, ino, birthtimeNs }: Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>): string {
  return `${dev.toString(36)}-${ino.toString(36)}-${birthtimeNs.toString(36)}`
}

/** A first line that is longer is known by as much of it. */
const maxFirstLineBytes = 128 * 1024
const newline = 0x0a

/**
 * A name for content whose first line is like no other of its path, since it has a time in it; the same for the file, for a copy and for what a
 * compressed form holds. `undefined` while the first line is not complete.
 */
export function contentName(path: string, beginning: Buffer): string | undefined {
  const end = beginning.indexOf(newline)
  if (end < 0 && beginning.length < maxFirstLineBytes) return undefined
  const line = beginning.subarray(0, end < 0 ? maxFirstLineBytes : Math.min(end, maxFirstLineBytes))
  return createHash('sha256').update(path).update('\0').update(line).digest('hex').slice(0, 24)
}

/** The beginning of an open file, enough for `contentName`. */
export function readBeginning(fd: number): Buffer {
  const usual = readAt(fd, 0, 4096)
  return usual.includes(newline) || usual.length < 4096 ? usual : readAt(fd, 0, maxFirstLineBytes)
}

/** What `isStillIn` needs to know of an open file of which so many bytes were read before. */
export function readKnownBeginning(fd: number, position: number): Buffer {
  return readAt(fd, 0, Math.min(beginningBytes, position))
}

/** Of bytes that begin a file and were not read yet. */
export function fingerprintOf(beginning: Buffer): Fingerprint {
  const print = new Fingerprinter(0)
  print.feed(beginning.toString('latin1'))
  return print.take()
}

/** Whether the open file may be the one of which the fingerprint was taken: what was read of it is still there. */
export function hasFingerprint(fd: number, { end, head, tail }: Fingerprint): boolean {
  return isSame(head, hashBytes(readAt(fd, 0, head.length))) && isSame(tail, hashBytes(readAt(fd, end - tail.length, tail.length)))
}

/** Whether content that begins so may be the one of which the fingerprint was taken; `beginning`: all of it, or `headBytes`. */
export function mayBegin(beginning: Buffer, { head }: Fingerprint): boolean {
  return beginning.length >= head.length && isSame(head, hashBytes(beginning.subarray(0, head.length)))
}

function isSame(a: Mark, b: Mark): boolean {
  return a.length === b.length && a.hash === b.hash
}

function hashBytes(bytes: Buffer): Mark {
  if (bytes.length === 0) return noMark
  return { length: bytes.length, hash: createHash('sha256').update(bytes).digest('hex').slice(0, 24) }
}

function readAt(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, length === 0 ? 0 : readSync(fd, bytes, 0, length, from))
}

/** Takes the fingerprint of bytes on their way. */
export class Fingerprinter {
  #end: number
  #head: Mark
  #headLength: number
  /** The first bytes until there are enough of them; undefined where reading did not begin with the first. */
  #headBytes: Buffer | undefined
  readonly #tail = Buffer.alloc(tailBytes)
  #tailLength = 0
  #beginning: Buffer

  /** Goes on from a fingerprint of the bytes before; nothing is known of what was read between it and `position`. */
  constructor(position: number, before: Fingerprint = noFingerprint, beginning: Buffer = Buffer.alloc(0)) {
    this.#end = position
    this.#beginning = beginning
    this.#head = before.head
    this.#headLength = before.head.length
    this.#headBytes = position === 0 ? Buffer.alloc(headBytes) : undefined
    if (position === 0) this.#headLength = 0
  }

  /** The next bytes, as Latin 1. */
  feed(bytes: string): void {
    if (this.#headBytes !== undefined) {
      this.#headLength += this.#headBytes.write(bytes, this.#headLength, 'latin1')
      this.#head = hashBytes(this.#headBytes.subarray(0, this.#headLength))
      this.#beginning = this.#headBytes.subarray(0, Math.min(this.#headLength, beginningBytes))
      if (this.#headLength === headBytes) this.#headBytes = undefined
    }
    this.#end += bytes.length
    if (bytes.length >= tailBytes) {
      this.#tail.write(bytes.slice(-tailBytes), 0, 'latin1')
      this.#tailLength = tailBytes
      return
    }
    const kept = Math.min(this.#tailLength, tailBytes - bytes.length)
    this.#tail.copyWithin(0, this.#tailLength - kept, this.#tailLength)
    this.#tail.write(bytes, kept, 'latin1')
    this.#tailLength = kept + bytes.length
  }

  take(): Fingerprint {
    return { end: this.#end, head: this.#head, tail: hashBytes(this.#tail.subarray(0, this.#tailLength)) }
  }

  /** Whether the first bytes and the last ones that came are still where they were in the file. */
  isStillIn(fd: number): boolean {
    const length = this.#tailLength
    return (
      readAt(fd, 0, this.#beginning.length).equals(this.#beginning) &&
      readAt(fd, this.#end - length, length).equals(this.#tail.subarray(0, length))
    )
  }
}
