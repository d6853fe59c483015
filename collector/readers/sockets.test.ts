import { expect, test } from 'vitest'
import { emptySpec } from '../container.ts'
import { emptyDetails } from '../details.ts'
import { SampleRing } from '../sample-ring.ts'
import { Scanner } from './scanner.ts'
import { socketFiles } from './sockets.ts'

/** Lines as a kernel 6.18 writes them. */
const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2402 1 0000000000000000 100 0 0 10 0
   1: 0100007F:A4B2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 9187 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:A4B4 0100007F:1F90 06 00000000:00000000 03:000015E2 00000000     0        0 0 3 0000000000000000
   3: 0100007F:A4B6 0100007F:1F90 0C 00000000:00000000 03:000015E2 00000000     0        0 0 3 0000000000000000
`
const udp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  514: 00000000:14E9 00000000:0000 07 00000000:00000A00 00:00000000 00000000   105        0 20018 2 0000000000000000 17
  599: 0100007F:0143 00000000:0000 07 00000010:00000000 00:00000000 00000000     0        0 21771 2 0000000000000000 0
`

function parse(name: string, text: string) {
  const target = { ring: new SampleRing(2), spec: emptySpec(), details: emptyDetails() }
  const scanner = new Scanner()
  const bytes = Buffer.from(text)
  scanner.reset(bytes, bytes.length)
  socketFiles.find(({ file }) => file === name)!.parse(scanner, target)
  return target.details
}

test('sockets are counted by state, a request that is no socket yet as SynRecv', () => {
  expect(parse('net/tcp', tcp).tcp).toMatchObject({ Listen: 1, Established: 1, TimeWait: 1, SynRecv: 1, Close: 0 })
})

test('UDP sockets have their queues and drops', () => {
  expect(parse('net/udp6', udp).udp6).toEqual({ Listen: 2, Dropped: 17, RxQueued: 2560, TxQueued: 16 })
})

test('counters are taken by name, without those of other protocols', () => {
  const text = 'Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm MaxConn InSegs\nTcp: 1 -1 42\n'
  expect(Object.fromEntries(parse('net/snmp', text).tcpAdvanced!)).toEqual({ RtoAlgorithm: 1, MaxConn: -1, InSegs: 42 })
})

test.each(['', 'nonsense', 'sl\n x\n', '\0\0\n\0'])('nonsense %j counts nothing', (text) => {
  expect(parse('net/tcp', text).tcp?.Established).toBe(0)
  expect(parse('net/udp', text).udp?.Listen).toBe(0)
  expect(parse('net/netstat', text).tcpAdvanced).toBeUndefined()
})
