import type { ReadTarget } from './reader.ts'
import { toBytes } from './scanner.ts'
import type { Scanner } from './scanner.ts'

const colon = ':'.charCodeAt(0)

/** Interfaces that only hand on what others receive or that never leave the machine. */
const ignored = ['veth', 'docker', 'nerdctl', 'bnc-', 'br-'].map(toBytes)
const loopback = toBytes('lo')

/** Where each column of `/proc/PID/net/dev` belongs in the group `network`; -1 is not kept. */
const fieldOfColumn = [0, 1, 2, 3, -1, -1, -1, -1, 4, 5, 6, 7]

/**
 * Reads `/proc/PID/net/dev`: the interfaces of a container, or of the machine. Loopback, veth pairs and bridges are left out.
 */
export function parseNetDev(scanner: Scanner, { ring }: ReadTarget): void {
  scanner.skipLine()
  scanner.skipLine()
  for (; !scanner.isDone; scanner.skipLine()) {
    scanner.skipBlanks()
    const start = scanner.position
    const end = scanner.bytes.subarray(0, scanner.end).indexOf(colon, start)
    if (end < 0) return
    if (isIgnored(scanner, start, end)) continue
    const instance = ring.instance('network', scanner.bytes, start, end)
    if (instance === undefined) continue
    scanner.position = end + 1
    for (const field of fieldOfColumn) {
      const value = scanner.number()
      if (field >= 0) ring.setInstance('network', instance, field, value)
    }
  }
}

function isIgnored(scanner: Scanner, start: number, end: number): boolean {
  if (end - start === loopback.length && scanner.isAt(start, loopback)) return true
  for (const prefix of ignored) if (scanner.isAt(start, prefix)) return true
  return false
}
