import { column } from '../metrics.ts'
import { tickNanoseconds } from './cpu.ts'
import { parseNetDev } from './network.ts'
import type { Reader, ReadTarget } from './reader.ts'
import { createKeyedParser, toBytes } from './scanner.ts'
import type { Scanner } from './scanner.ts'

const sectorBytes = 512
const diskFields = { readBytes: 0, writeBytes: 1, discardBytes: 4, totalBytes: 5, reads: 6, writes: 7, discards: 10, total: 11 }

/** Disks that are no disks, and partitions, whose traffic is already in their disk's. */
const ignoredDisks = ['loop', 'ram', 'zram', 'fd', 'sr'].map(toBytes)

/** Which block devices are whole disks, by name; empty takes every one. */
export interface DiskNames {
  has(name: string): boolean
  readonly size: number
}

/**
 * Figures of the whole machine from /proc, for the root cgroup: disk traffic, network and load always; CPU and memory only where the
 * root cgroup has none (no cgroups mounted, or a v2 root without memory files). `networkFile` is the machine's `net/dev` below /proc.
 */
export function createMachineReader({ wholeDisks, networkFile }: { wholeDisks: DiskNames; networkFile: string }): Reader {
  const memory = { total: Number.NaN, free: Number.NaN, available: Number.NaN, swapTotal: Number.NaN, swapFree: Number.NaN }
  const names = ['total', 'free', 'available', 'swapTotal', 'swapFree'] as const
  const parseMeminfo = createKeyedParser({ 'MemTotal:': 0, 'MemFree:': 1, 'MemAvailable:': 2, 'SwapTotal:': 3, 'SwapFree:': 4 })
  const cpu = { user: Number.NaN, system: Number.NaN }
  return {
    name: 'machine',
    version: 'proc',
    files: [
      {
        controller: '',
        file: 'stat',
        every: 'pass',
        metrics: [],
        also: 'CPU where no cgroup has it',
        parse: (scanner) => parseCpuLine(scanner, cpu),
      },
      {
        controller: '',
        file: 'meminfo',
        every: 'pass',
        metrics: [],
        also: 'memory where no cgroup has it',
        parse: (scanner) => parseMeminfo(scanner, (index, value) => (memory[names[index]!] = value * 1024)),
      },
      {
        controller: '',
        file: 'loadavg',
        every: 'pass',
        metrics: ['load'],
        parse: (scanner, { ring }) => ring.set(column.load, scanner.number()),
      },
      {
        controller: '',
        file: 'diskstats',
        every: 'pass',
        metrics: [],
        also: 'disk traffic',
        parse: (scanner, target) => parseDiskstats(scanner, target, wholeDisks),
      },
      { controller: '', file: networkFile, every: 'pass', metrics: [], also: 'network traffic', parse: parseNetDev },
    ],
    finish: ({ ring }) => {
      ring.set(column.memorySwap, memory.swapTotal - memory.swapFree)
      if (Number.isNaN(ring.get(column.cpuUsage))) ring.set(column.cpuUsage, cpu.user + cpu.system)
      if (Number.isNaN(ring.get(column.cpuUser))) ring.set(column.cpuUser, cpu.user)
      if (Number.isNaN(ring.get(column.cpuSystem))) ring.set(column.cpuSystem, cpu.system)
      if (Number.isNaN(ring.get(column.memoryUsage))) ring.set(column.memoryUsage, memory.total - memory.free)
      if (Number.isNaN(ring.get(column.memoryWorkingSet))) ring.set(column.memoryWorkingSet, memory.total - memory.available)
    },
  }
}

/** First line of `/proc/stat`: user nice system idle iowait irq softirq steal …, in ticks. */
function parseCpuLine(scanner: Scanner, cpu: { user: number; system: number }): void {
  scanner.skipWord()
  const user = scanner.number() + scanner.number()
  const system = scanner.number()
  scanner.number()
  scanner.number()
  const interrupts = scanner.number() + scanner.number()
  cpu.user = user * tickNanoseconds
  cpu.system = (system + interrupts) * tickNanoseconds
}

/** `major minor name reads merged sectors ms writes merged sectors ms inFlight ms weighted discards merged sectors …`. */
function parseDiskstats(scanner: Scanner, { ring }: ReadTarget, wholeDisks: DiskNames): void {
  for (; !scanner.isDone; scanner.skipLine()) {
    const major = scanner.number()
    const minor = scanner.number()
    scanner.skipBlanks()
    const start = scanner.position
    scanner.skipWord()
    const end = scanner.position
    if (end === start || ignoredDisks.some((prefix) => scanner.isAt(start, prefix))) continue
    if (wholeDisks.size > 0 && !wholeDisks.has(Buffer.from(scanner.bytes.slice(start, end)).toString('latin1'))) continue
    const values = Array.from({ length: 14 }, () => scanner.number())
    const name = toBytes(`${major}:${minor}`)
    const instance = ring.instance('disk', name, 0, name.length)
    if (instance === undefined) continue
    const [reads = 0, , readSectors = 0, , writes = 0, , writtenSectors = 0] = values
    // Kernels before 4.18 have no discards.
    const discards = values[11] ?? Number.NaN
    const discardedSectors = values[13] ?? Number.NaN
    const set = (field: keyof typeof diskFields, value: number) => ring.setInstance('disk', instance, diskFields[field], value)
    set('reads', reads)
    set('readBytes', readSectors * sectorBytes)
    set('writes', writes)
    set('writeBytes', writtenSectors * sectorBytes)
    set('discards', discards)
    set('discardBytes', discardedSectors * sectorBytes)
    set('totalBytes', (readSectors + writtenSectors + (discardedSectors || 0)) * sectorBytes)
    set('total', reads + writes + (discards || 0))
  }
}
