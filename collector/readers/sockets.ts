import { tcpStates } from '../details.ts'
import type { Details, TcpCounts, UdpCounts } from '../details.ts'
import type { FileReader } from './reader.ts'
import type { Scanner } from './scanner.ts'

/**
 * Files of a network namespace that count its sockets, below `/proc/PID/`: by state, bytes queued, and the kernel's tables of TCP
 * counters. Read where the subjects are on, in slow passes: a busy machine has a line per connection.
 */
export const socketFiles: readonly FileReader[] = [
  tcpFile('net/tcp', 'tcp'),
  tcpFile('net/tcp6', 'tcp6'),
  udpFile('net/udp', 'udp'),
  udpFile('net/udp6', 'udp6'),
  tableFile('net/snmp', 'Tcp:'),
  tableFile('net/netstat', 'TcpExt:'),
]

function tcpFile(file: string, field: 'tcp' | 'tcp6'): FileReader {
  return {
    ...socketFile(file, 'TCP sockets by state'),
    subject: 'tcp',
    isList: true,
    parse: (scanner, { details }) => {
      details[field] = countStates(scanner)
    },
  }
}

function udpFile(file: string, field: 'udp' | 'udp6'): FileReader {
  return {
    ...socketFile(file, 'UDP sockets, queues and drops'),
    subject: 'udp',
    isList: true,
    parse: (scanner, { details }) => {
      details[field] = countQueues(scanner)
    },
  }
}

function tableFile(file: string, table: string): FileReader {
  return {
    ...socketFile(file, 'TCP counters of the kernel'),
    subject: 'advtcp',
    parse: (scanner, { details }) => readTable(scanner, table, details),
  }
}

/** Without IPv6 there are no files for it. */
function socketFile(file: string, also: string): Omit<FileReader, 'parse'> {
  return { controller: '', file, every: 'slow', metrics: [], also, isOptional: true }
}

/** Lines `sl local remote state …`, the state in hexadecimal; 12 is a request that has not become a socket yet. */
function countStates(scanner: Scanner): TcpCounts {
  const counts = tcpStates.map(() => 0)
  for (scanner.skipLine(); !scanner.isDone; scanner.skipLine()) {
    skipWords(scanner, 3)
    const state = scanner.hex()
    const index = state === 12 ? tcpStates.indexOf('SynRecv') : state - 1
    if (counts[index] !== undefined) counts[index]++
  }
  return Object.fromEntries(tcpStates.map((state, index) => [state, counts[index]!])) as TcpCounts
}

/** Lines `sl local remote state tx:rx tr:when retransmits uid timeout inode ref pointer drops`. */
function countQueues(scanner: Scanner): UdpCounts {
  let [sockets, dropped, received, sent] = [0, 0, 0, 0]
  for (scanner.skipLine(); !scanner.isDone; scanner.skipLine()) {
    skipWords(scanner, 4)
    const queued = scanner.hex()
    if (Number.isNaN(queued)) continue
    scanner.position++
    sockets++
    sent += queued
    received += scanner.hex()
    skipWords(scanner, 7)
    dropped += scanner.number() || 0
  }
  return { Listen: sockets, Dropped: dropped, RxQueued: received, TxQueued: sent }
}

function skipWords(scanner: Scanner, count: number): void {
  for (let index = 0; index < count; index++) {
    scanner.skipBlanks()
    scanner.skipWord()
  }
}

/** Two lines with the table's name in front: names, then values. */
function readTable(scanner: Scanner, table: string, details: Details): void {
  const text = Buffer.from(scanner.bytes.buffer, scanner.bytes.byteOffset, scanner.end).toString('latin1')
  const [names, values] = text.split('\n').filter((line) => line.startsWith(table))
  if (names === undefined || values === undefined) return
  const numbers = values.split(' ').map(Number)
  const counters = new Map(details.tcpAdvanced)
  for (const [index, name] of names.split(' ').entries()) {
    const value = numbers[index]
    if (index > 0 && value !== undefined && !Number.isNaN(value)) counters.set(name, value)
  }
  details.tcpAdvanced = counters
}
