import { readFileSync, readdirSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'

/** What the machine is, apart from its file systems; read again now and then. */
export interface MachineInfo {
  readonly vendorId: string
  readonly cores: number
  readonly physicalCores: number
  readonly sockets: number
  readonly cpuFrequencyKhz: number
  readonly memoryBytes: number
  readonly swapBytes: number
  readonly hugePages: readonly { readonly pageSizeKb: number; readonly count: number }[]
  readonly machineId: string
  readonly systemUuid: string
  readonly bootId: string
  readonly bootedAtMs: number
  readonly kernelVersion: string
  readonly osVersion: string
  readonly disks: readonly DiskInfo[]
  readonly networkDevices: readonly {
    readonly name: string
    readonly macAddress: string
    readonly speedMbits: number
    readonly mtu: number
  }[]
  readonly nodes: readonly NumaNode[]
}

/** A whole disk. */
interface DiskInfo {
  readonly name: string
  readonly major: number
  readonly minor: number
  readonly sizeBytes: number
  readonly scheduler: string
}

/** A NUMA node with its cores. */
interface NumaNode {
  readonly id: number
  readonly memoryBytes: number
  readonly cores: readonly {
    readonly coreId: number
    readonly socketId: number
    readonly threads: readonly number[]
    readonly caches: readonly CpuCache[]
  }[]
}

export interface CpuCache {
  readonly id: number
  readonly sizeBytes: number
  readonly type: string
  readonly level: number
}

export interface MachineRoots {
  readonly procRoot: string
  readonly sysRoot: string
  /** `/etc`, for the machine's id and the name of the distribution. */
  readonly etcRoot: string
}

/** Reads what the machine is. What can't be read is empty or 0, never an error. */
export function readMachineInfo({ procRoot, sysRoot, etcRoot }: MachineRoots): MachineInfo {
  const cpuinfo = textOf(join(procRoot, 'cpuinfo'))
  const meminfo = textOf(join(procRoot, 'meminfo'))
  const memoryBytes = kilobytes(meminfo, 'MemTotal') * 1024
  const processors = parseProcessors(cpuinfo)
  const nodes = readNodes(sysRoot, processors, memoryBytes)
  const bootSeconds = Number(/^btime (\d+)$/m.exec(textOf(join(procRoot, 'stat')))?.[1] ?? 0)
  return {
    vendorId: /^vendor_id\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? '',
    cores: processors.length,
    physicalCores: new Set(processors.map(({ socket, core }) => `${socket}/${core}`)).size,
    sockets: new Set(processors.map(({ socket }) => socket)).size,
    cpuFrequencyKhz: frequencyKhz(sysRoot, cpuinfo),
    memoryBytes,
    swapBytes: kilobytes(meminfo, 'SwapTotal') * 1024,
    hugePages: readHugePages(sysRoot),
    machineId: textOf(join(etcRoot, 'machine-id')).trim(),
    systemUuid: textOf(join(sysRoot, 'class/dmi/id/product_uuid')).trim(),
    bootId: textOf(join(procRoot, 'sys/kernel/random/boot_id')).trim(),
    bootedAtMs: bootSeconds * 1000,
    kernelVersion: textOf(join(procRoot, 'sys/kernel/osrelease')).trim() || release(),
    osVersion: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(textOf(join(etcRoot, 'os-release')))?.[1] ?? '',
    disks: readDisks(sysRoot),
    networkDevices: readNetworkDevices(sysRoot),
    nodes,
  }
}

interface Processor {
  readonly id: number
  readonly socket: number
  readonly core: number
}

function parseProcessors(cpuinfo: string): Processor[] {
  return cpuinfo
    .split('\n\n')
    .filter((block) => /^processor\s*:/m.test(block))
    .map((block) => ({
      id: Number(/^processor\s*: (\d+)$/m.exec(block)?.[1] ?? 0),
      socket: Number(/^physical id\s*: (\d+)$/m.exec(block)?.[1] ?? 0),
      // Without core ids (arm64, some virtual machines) each processor is a core of its own.
      core: Number(/^core id\s*: (\d+)$/m.exec(block)?.[1] ?? /^processor\s*: (\d+)$/m.exec(block)?.[1] ?? 0),
    }))
}

function frequencyKhz(sysRoot: string, cpuinfo: string): number {
  const fromDriver = Number(textOf(join(sysRoot, 'devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq')))
  if (fromDriver > 0) return fromDriver
  return Math.round(Number(/^cpu MHz\s*: ([\d.]+)$/m.exec(cpuinfo)?.[1] ?? 0) * 1000)
}

function readHugePages(sysRoot: string): { pageSizeKb: number; count: number }[] {
  const folder = join(sysRoot, 'kernel/mm/hugepages')
  return entriesOf(folder).flatMap((name) => {
    const size = /^hugepages-(\d+)kB$/.exec(name)?.[1]
    return size === undefined ? [] : [{ pageSizeKb: Number(size), count: numberOf(join(folder, name, 'nr_hugepages')) }]
  })
}

function readDisks(sysRoot: string): DiskInfo[] {
  const folder = join(sysRoot, 'block')
  return entriesOf(folder)
    .filter((name) => !/^(loop|ram|zram|sr|fd)\d/.test(name))
    .map((name) => {
      const [major = 0, minor = 0] = textOf(join(folder, name, 'dev'))
        .trim()
        .split(':')
        .map(Number)
      const scheduler = /\[([^\]]+)\]/.exec(textOf(join(folder, name, 'queue/scheduler')))?.[1] ?? 'none'
      return { name, major, minor, sizeBytes: numberOf(join(folder, name, 'size')) * 512, scheduler }
    })
}

function readNetworkDevices(sysRoot: string): { name: string; macAddress: string; speedMbits: number; mtu: number }[] {
  const folder = join(sysRoot, 'class/net')
  return entriesOf(folder)
    .filter((name) => !/^(lo|veth|docker|br-|bnc-|ifb)/.test(name))
    .map((name) => ({
      name,
      macAddress: textOf(join(folder, name, 'address')).trim(),
      // Virtual devices answer -1 or an error.
      speedMbits: Math.max(0, numberOf(join(folder, name, 'speed'))),
      mtu: numberOf(join(folder, name, 'mtu')),
    }))
}

function readNodes(sysRoot: string, processors: readonly Processor[], memoryBytes: number): NumaNode[] {
  const folder = join(sysRoot, 'devices/system/node')
  const ids = entriesOf(folder)
    .flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
  if (ids.length === 0) return [{ id: 0, memoryBytes, cores: coresOf(sysRoot, processors) }]
  return ids.map((id) => {
    const nodeFolder = join(folder, `node${id}`)
    const cpus = new Set(
      entriesOf(nodeFolder)
        .flatMap((name) => /^cpu(\d+)$/.exec(name)?.[1] ?? [])
        .map(Number),
    )
    const kb = Number(/MemTotal:\s+(\d+) kB/.exec(textOf(join(nodeFolder, 'meminfo')))?.[1] ?? 0)
    return {
      id,
      memoryBytes: kb * 1024,
      cores: coresOf(
        sysRoot,
        processors.filter((processor) => cpus.has(processor.id)),
      ),
    }
  })
}

function coresOf(sysRoot: string, processors: readonly Processor[]): NumaNode['cores'] {
  const groups = Map.groupBy(processors, ({ socket, core }) => `${socket}/${core}`)
  return [...groups.values()].map((threads) => ({
    coreId: threads[0]!.core,
    socketId: threads[0]!.socket,
    threads: threads.map(({ id }) => id),
    caches: readCaches(join(sysRoot, `devices/system/cpu/cpu${threads[0]!.id}/cache`)),
  }))
}

function readCaches(folder: string): CpuCache[] {
  return entriesOf(folder)
    .filter((name) => name.startsWith('index'))
    .map((name) => ({
      id: numberOf(join(folder, name, 'id')),
      sizeBytes: numberOf(join(folder, name, 'size')) * 1024,
      type: textOf(join(folder, name, 'type')).trim(),
      level: numberOf(join(folder, name, 'level')),
    }))
}

function kilobytes(meminfo: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0)
}

function numberOf(path: string): number {
  const value = Number.parseInt(textOf(path), 10)
  return Number.isNaN(value) ? 0 : value
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).toSorted()
  } catch {
    return []
  }
}
