import { endOfName, headerBytes, udpLimit } from './message.ts'
import type { Query } from './message.ts'

/** Remembers upstream replies for as long as their records say, at most `maxTtlSeconds`. Bounded: the oldest entry leaves first. */
export interface ReplyCache {
  /** The reply to this query with its id, its spelling of the name and what is left of each lifetime. */
  find(query: Query, nowMs: number, limitBytes?: number): Buffer | undefined
  store(query: Query, reply: Buffer, nowMs: number): void
  readonly size: number
}

interface Entry {
  readonly reply: Buffer
  readonly ttlOffsets: readonly number[]
  readonly storedAtMs: number
  readonly expiresAtMs: number
}

const maxTtlSeconds = 30
const maxReplyBytes = 4096
const optType = 41

/** An empty cache of at most `maxEntries` replies. */
export function createReplyCache({ maxEntries }: { readonly maxEntries: number }): ReplyCache {
  const entries = new Map<string, Entry>()
  return {
    get size() {
      return entries.size
    },
    find(query, nowMs, limitBytes = udpLimit(query)) {
      const key = keyOfQuery(query)
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (nowMs >= entry.expiresAtMs) {
        entries.delete(key)
        return undefined
      }
      return entry.reply.length > limitBytes ? undefined : reply(entry, query, nowMs)
    },
    store(query, bytes, nowMs) {
      const lifetimes = readLifetimes(bytes)
      if (lifetimes === undefined || bytes.length > maxReplyBytes) return
      const ttl = Math.min(lifetimes.seconds, maxTtlSeconds)
      if (ttl <= 0) return
      const key = keyOfQuery(query)
      entries.delete(key)
      if (entries.size >= maxEntries) entries.delete(entries.keys().next().value!)
      entries.set(key, {
        reply: Buffer.from(bytes),
        ttlOffsets: lifetimes.offsets,
        storedAtMs: nowMs,
        expiresAtMs: nowMs + ttl * 1000,
      })
    },
  }
}

function keyOfQuery(query: Query): string {
  const { edns, isCheckingDisabled, isRecursionDesired, typeNumber } = query
  const asked = `${edns === undefined ? 0 : edns.isDnssecOk ? 2 : 1}${Number(isCheckingDisabled)}${Number(isRecursionDesired)}`
  return `${asked} ${typeNumber} ${query.question.toString('latin1').toLowerCase()}`
}

function reply(entry: Entry, query: Query, nowMs: number): Buffer {
  const bytes = Buffer.from(entry.reply)
  bytes.writeUInt16BE(query.id, 0)
  query.question.copy(bytes, headerBytes)
  const elapsed = Math.floor((nowMs - entry.storedAtMs) / 1000)
  for (const offset of entry.ttlOffsets) bytes.writeUInt32BE(Math.max(bytes.readUInt32BE(offset) - elapsed, 0), offset)
  return bytes
}

/** Where each record's lifetime stands, and the shortest; `undefined` for replies that are not to be kept or cannot be read. */
function readLifetimes(bytes: Buffer): { readonly offsets: readonly number[]; readonly seconds: number } | undefined {
  if (bytes.length < headerBytes) return undefined
  const flags = bytes.readUInt16BE(2)
  const code = flags & 0xf
  if ((flags & 0x0200) !== 0 || (code !== 0 && code !== 3)) return undefined
  const afterName = endOfName(bytes, headerBytes)
  if (afterName === undefined || bytes.readUInt16BE(4) !== 1) return undefined
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10)
  const offsets: number[] = []
  let seconds = Number.POSITIVE_INFINITY
  let at = afterName + 4
  for (let i = 0; i < records; i++) {
    const fields = endOfName(bytes, at)
    if (fields === undefined || fields + 10 > bytes.length) return undefined
    if (bytes.readUInt16BE(fields) !== optType) {
      offsets.push(fields + 4)
      seconds = Math.min(seconds, bytes.readUInt32BE(fields + 4))
    }
    at = fields + 10 + bytes.readUInt16BE(fields + 8)
  }
  return at > bytes.length || offsets.length === 0 ? undefined : { offsets, seconds }
}
