import { column, fieldIndex } from '../metrics.ts'
import type { FieldOf } from '../metrics.ts'
import { smoothLoad } from '../survey/load-average.ts'
import { tickNanoseconds } from './cpu.ts'
import { parseNetDev } from './network.ts'
import type { FileReader, Reader, ReadTarget } from './reader.ts'
import { createKeyedParser, toBytes } from './scanner.ts'
import type { Scanner } from './scanner.ts'
import { socketFiles } from './sockets.ts'

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
 * root cgroup has none (no cgroups mounted, or a v2 root without memory files). `networkFolder` is where the machine's `dev`, `tcp`, …
 * are below /proc.
 */
export function createMachineReader({ wholeDisks, networkFolder }: { wholeDisks: DiskNames; networkFolder: string }): Reader {
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
        parse: parseLoadavg,
      },
      ...trafficFiles(wholeDisks, networkFolder),
      taskStates(),
      ...openFiles(networkFolder),
      ...socketFiles.map((file) => ({ ...file, file: file.file.replace('net', networkFolder) })),
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

/** Disks and network of the machine. */
function trafficFiles(wholeDisks: DiskNames, networkFolder: string): FileReader[] {
  const file = { controller: '', isList: true, every: 'pass', metrics: [] } as const
  return [
    {
      ...file,
      file: 'diskstats',
      subject: 'diskIO',
      also: 'disk traffic',
      parse: (scanner, target) => parseDiskstats(scanner, target, wholeDisks),
    },
    { ...file, file: `${networkFolder}/dev`, subject: 'network', also: 'network traffic', parse: parseNetDev },
  ]
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

/** `one five fifteen running/all last`: tasks that there are count every thread. */
function parseLoadavg(scanner: Scanner, { ring }: ReadTarget): void {
  ring.set(column.load, scanner.number())
  scanner.number()
  scanner.number()
  scanner.number()
  scanner.position++
  ring.set(column.processes, scanner.number())
}

/** Tasks of the machine that run and that wait for a disk, and the same smoothed as upstream does for containers. */
function taskStates(): FileReader {
  const parse = createKeyedParser({ procs_running: column.tasksRunning, procs_blocked: column.tasksIoWait })
  let readAtMs = Number.NaN
  return {
    controller: '',
    file: 'stat',
    subject: 'cpuLoad',
    every: 'slow',
    metrics: ['tasksRunning', 'tasksIoWait', 'tasksUninterruptible', 'cpuLoadAverage', 'cpuLoadDAverage'],
    parse: (scanner, { ring }) => {
      parse(scanner, (target, value) => ring.set(target, value))
      const [running, blocked] = [ring.get(column.tasksRunning), ring.get(column.tasksIoWait)]
      const elapsedMs = ring.timestamp() - readAtMs
      readAtMs = ring.timestamp()
      ring.set(column.tasksUninterruptible, blocked)
      ring.set(column.cpuLoadAverage, smoothLoad(ring.get(column.cpuLoadAverage), running, elapsedMs))
      ring.set(column.cpuLoadDAverage, smoothLoad(ring.get(column.cpuLoadDAverage), blocked, elapsedMs))
    },
  }
}

/** Descriptors and sockets of the whole machine. */
function openFiles(networkFolder: string): FileReader[] {
  const file = { controller: '', subject: 'process', every: 'slow', isOptional: true } as const
  return [
    {
      ...file,
      file: 'sys/fs/file-nr',
      metrics: ['fileDescriptors'],
      parse: (scanner, { ring }) => ring.set(column.fileDescriptors, scanner.number()),
    },
    {
      ...file,
      file: `${networkFolder}/sockstat`,
      metrics: ['sockets'],
      parse: (scanner, { ring }) => {
        if (!scanner.isAt(0, socketsUsed)) return
        scanner.position = socketsUsed.length
        ring.set(column.sockets, scanner.number())
      },
    },
  ]
}

const socketsUsed = toBytes('sockets: used')

/** Fields of a line of `diskstats` behind the name. */
const diskColumns = {
  reads: 0,
  readsMerged: 1,
  readSectors: 2,
  readTime: 3,
  writes: 4,
  writesMerged: 5,
  writtenSectors: 6,
  writeTime: 7,
  inProgress: 8,
  ioTime: 9,
  weightedIoTime: 10,
  discards: 11,
  discardedSectors: 13,
} as const

const timeFields = Object.entries(diskColumns)
  .filter(([name]) => !['reads', 'writes', 'discards', 'discardedSectors'].includes(name))
  .map(([name, at]) => ({ at, field: fieldIndex('diskTimes', name as FieldOf<'diskTimes'>) }))

/** One line, used for all lines. */
const line = new Float64Array(14)

/** `major minor name`, then the fields of `diskColumns`; kernels before 4.18 have no discards. */
function parseDiskstats(scanner: Scanner, { ring }: ReadTarget, wholeDisks: DiskNames): void {
  for (; !scanner.isDone; scanner.skipLine()) {
    const major = scanner.number()
    const minor = scanner.number()
    scanner.skipBlanks()
    const start = scanner.position
    scanner.skipWord()
    const end = scanner.position
    if (end === start || isIgnoredDisk(scanner, start)) continue
    if (wholeDisks.size > 0 && !wholeDisks.has(Buffer.from(scanner.bytes.slice(start, end)).toString('latin1'))) continue
    for (let index = 0; index < line.length; index++) line[index] = scanner.number()
    const name = toBytes(`${major}:${minor}`)
    const times = ring.instance('diskTimes', name, 0, name.length)
    if (times !== undefined) for (const { at, field } of timeFields) ring.setInstance('diskTimes', times, field, line[at]!)
    setTraffic(ring, name)
  }
}

function isIgnoredDisk(scanner: Scanner, start: number): boolean {
  for (const prefix of ignoredDisks) if (scanner.isAt(start, prefix)) return true
  return false
}

function setTraffic(ring: ReadTarget['ring'], name: Uint8Array): void {
  const instance = ring.instance('disk', name, 0, name.length)
  if (instance === undefined) return
  const set = (field: keyof typeof diskFields, value: number) => ring.setInstance('disk', instance, diskFields[field], value)
  const of = (field: keyof typeof diskColumns) => line[diskColumns[field]]!
  set('reads', of('reads'))
  set('readBytes', of('readSectors') * sectorBytes)
  set('writes', of('writes'))
  set('writeBytes', of('writtenSectors') * sectorBytes)
  set('discards', of('discards'))
  set('discardBytes', of('discardedSectors') * sectorBytes)
  set('totalBytes', (of('readSectors') + of('writtenSectors') + (of('discardedSectors') || 0)) * sectorBytes)
  set('total', of('reads') + of('writes') + (of('discards') || 0))
}
