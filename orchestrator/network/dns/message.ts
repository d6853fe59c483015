import { decode, encode } from 'dns-packet'
import type { Answer } from 'dns-packet'

/** The record types that the cluster's zone knows; others are passed on or have no data. */
export type KnownType = 'A' | 'NS' | 'CNAME' | 'SOA' | 'PTR' | 'TXT' | 'AAAA' | 'SRV' | 'ANY'

const typesByNumber: Readonly<Record<number, KnownType>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  255: 'ANY',
}

/** A well-formed query with one question. */
export interface Query {
  readonly id: number
  /** The question's labels as they came; lower-case them to compare. */
  readonly labels: readonly string[]
  /** The labels joined by dots, as they came. */
  readonly name: string
  /** `undefined` for a type the zone does not know. */
  readonly type: KnownType | undefined
  readonly typeNumber: number
  readonly isRecursionDesired: boolean
  readonly isCheckingDisabled: boolean
  readonly edns: { readonly udpBytes: number; readonly isDnssecOk: boolean } | undefined
  /** The question section's bytes, sent back as they came: resolvers vary the case of a name to recognise their answer. */
  readonly question: Buffer
  /** The whole query as it came. */
  readonly bytes: Buffer
}

export type ResponseCode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED'

const responseCodes: Readonly<Record<ResponseCode, number>> = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }

/** The records and code of a response; `isAuthoritative` for the cluster's own names. */
export interface Reply {
  readonly code: ResponseCode
  readonly isAuthoritative: boolean
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
  readonly additionals: readonly Answer[]
}

export const headerBytes = 12
const plainUdpBytes = 512
/** What fits an Ethernet frame with any header: the DNS flag day's figure. */
const maxUdpBytes = 1232
const internetClass = 1

/** A reply without records. */
export function emptyReply(code: ResponseCode): Reply {
  return { code, isAuthoritative: false, answers: [], authorities: [], additionals: [] }
}

/**
 * Reads a message. A `Query` where it is one; a response code where it is a query to be refused; `undefined` where it is no query at
 * all and must stay unanswered (answering garbage or responses makes loops and helps forgers).
 */
export function readQuery(bytes: Buffer): Query | Extract<ResponseCode, 'FORMERR' | 'NOTIMP' | 'REFUSED'> | undefined {
  if (bytes.length < headerBytes) return undefined
  const flags = bytes.readUInt16BE(2)
  if ((flags & 0x8000) !== 0) return undefined
  if (((flags >> 11) & 0xf) !== 0) return 'NOTIMP'
  if (bytes.readUInt16BE(4) !== 1 || bytes.readUInt16BE(6) !== 0) return 'FORMERR'
  const question = readQuestion(bytes)
  if (question === undefined) return 'FORMERR'
  if (question.classNumber !== internetClass) return 'REFUSED'
  const edns = bytes.readUInt16BE(10) === 0 ? undefined : readEdns(bytes)
  if (edns === 'FORMERR') return 'FORMERR'
  return {
    id: bytes.readUInt16BE(0),
    labels: question.labels,
    name: question.labels.join('.'),
    type: typesByNumber[question.typeNumber],
    typeNumber: question.typeNumber,
    isRecursionDesired: (flags & 0x0100) !== 0,
    isCheckingDisabled: (flags & 0x0010) !== 0,
    edns,
    question: bytes.subarray(headerBytes, question.end),
    bytes,
  }
}

/** Where the name at `offset` ends in a message, or `undefined` where it runs out of it. Follows no pointer. */
export function endOfName(bytes: Buffer, offset: number): number | undefined {
  for (let at = offset; at < bytes.length;) {
    const length = bytes[at]!
    if (length === 0) return at + 1
    if ((length & 0xc0) === 0xc0) return at + 2 <= bytes.length ? at + 2 : undefined
    if ((length & 0xc0) !== 0) return undefined
    at += length + 1
  }
  return undefined
}

interface Question {
  readonly labels: readonly string[]
  readonly typeNumber: number
  readonly classNumber: number
  readonly end: number
}

function readQuestion(bytes: Buffer): Question | undefined {
  const labels: string[] = []
  let at = headerBytes
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > 63 || at - headerBytes > 254) return undefined
    at++
    if (length === 0) break
    labels.push(bytes.toString('latin1', at, at + length))
    at += length
  }
  if (at + 4 > bytes.length) return undefined
  return { labels, typeNumber: bytes.readUInt16BE(at), classNumber: bytes.readUInt16BE(at + 2), end: at + 4 }
}

function readEdns(bytes: Buffer): Query['edns'] | 'FORMERR' {
  try {
    const option = decode(bytes).additionals?.find((record) => record.type === 'OPT')
    if (option === undefined || option.type !== 'OPT') return undefined
    return { udpBytes: option.udpPayloadSize, isDnssecOk: option.flag_do }
  } catch {
    return 'FORMERR'
  }
}

/** How many bytes an answer to this query may have over UDP. */
export function udpLimit(query: Query): number {
  return query.edns === undefined ? plainUdpBytes : Math.min(Math.max(query.edns.udpBytes, plainUdpBytes), maxUdpBytes)
}

/** The response's bytes. What does not fit `limitBytes` is left out and marked truncated, so that the client asks again over TCP. */
export function writeReply(query: Query, reply: Reply, limitBytes: number): Buffer {
  const full = writeRecords(query, reply, false)
  if (full.length <= limitBytes) return full
  return writeRecords(query, { ...reply, answers: [], authorities: [], additionals: [] }, true)
}

/** A response without question to a message that could not be read as a query. */
export function writeRefusal(bytes: Buffer, code: ResponseCode): Buffer {
  const response = Buffer.alloc(headerBytes)
  response.writeUInt16BE(bytes.readUInt16BE(0), 0)
  response.writeUInt16BE(0x8000 | (bytes.readUInt16BE(2) & 0x7900) | responseCodes[code], 2)
  return response
}

function writeRecords(query: Query, reply: Reply, isTruncated: boolean): Buffer {
  const flags =
    responseCodes[reply.code] |
    (query.isRecursionDesired ? 0x0100 : 0) |
    (query.isCheckingDisabled ? 0x0010 : 0) |
    (reply.isAuthoritative ? 0x0400 : 0) |
    (isTruncated ? 0x0200 : 0) |
    0x0080
  const additionals = query.edns === undefined ? reply.additionals : [...reply.additionals, optionRecord()]
  const encoded = encode({
    type: 'response',
    id: query.id,
    flags,
    answers: [...reply.answers],
    authorities: [...reply.authorities],
    additionals: [...additionals],
  })
  // The encoder does not compress names, so nothing in the records points at an offset that the question would move.
  const response = Buffer.concat([encoded.subarray(0, headerBytes), query.question, encoded.subarray(headerBytes)])
  response.writeUInt16BE(1, 4)
  return response
}

function optionRecord(): Answer {
  return { type: 'OPT', name: '.', udpPayloadSize: maxUdpBytes, flags: 0, flag_do: false, extendedRcode: 0, ednsVersion: 0, options: [] }
}

/** A query of our own. */
export function writeQuery(question: { readonly name: string; readonly type: 'A' | 'AAAA' }, id: number): Buffer {
  return encode({ type: 'query', id, flags: 0x0100, questions: [question], additionals: [optionRecord()] })
}

/** The answer records of a response, or `undefined` where it cannot be read or is not a success. */
export function readAnswers(bytes: Buffer): readonly Answer[] | undefined {
  try {
    const response = decode(bytes)
    return (bytes.readUInt16BE(2) & 0xf) === responseCodes.NOERROR ? (response.answers ?? []) : undefined
  } catch {
    return undefined
  }
}
