import { release } from 'node:os'
import { join } from 'node:path'
import { readMemoryByType, readNvm } from './memory-modules.ts'
import type { MemoryModules, Nvm } from './memory-modules.ts'
import { entriesOf, numberOf, textOf } from './small-files.ts'
import { countIds, readHugePages, readNodes, readProcessors } from './topology.ts'
import type { HugePages, NumaNode } from './topology.ts'

/** What the machine is, apart from its file systems; read again now and then. */
export interface MachineInfo {
  readonly vendorId: string
  readonly cores: number
  readonly physicalCores: number
  readonly sockets: number
  /** Groups of sockets on mainframes; 0 elsewhere. */
  readonly books: number
  readonly drawers: number
  readonly cpuFrequencyKhz: number
  readonly memoryBytes: number
  readonly swapBytes: number
  readonly hugePages: readonly HugePages[]
  /** Modules by type (`Unbuffered-DDR4`), where the memory controller's driver tells. */
  readonly memoryByType: Readonly<Record<string, MemoryModules>>
  readonly nvm: Nvm
  readonly machineId: string
  /** Of the firmware; the machine's id where that tells none. */
  readonly systemUuid: string
  /** `AWS`, `GCE` or `Azure` by the firmware's own words, without asking any service; `Unknown` elsewhere. */
  readonly cloudProvider: string
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
  const processors = readProcessors(cpuinfo, sysRoot)
  const machineId = firstTextOf([join(etcRoot, 'machine-id'), join(etcRoot, '../var/lib/dbus/machine-id')])
  const nodes = readNodes(sysRoot, processors, memoryBytes)
  const bootSeconds = Number(/^btime (\d+)$/m.exec(textOf(join(procRoot, 'stat')))?.[1] ?? 0)
  return {
    vendorId: /^vendor_id\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? '',
    cores: processors.length,
    physicalCores: new Set(processors.map(({ socket, core }) => `${socket}/${core}`)).size,
    sockets: new Set(processors.map(({ socket }) => socket)).size,
    books: countIds(sysRoot, 'book_id'),
    drawers: countIds(sysRoot, 'drawer_id'),
    cpuFrequencyKhz: frequencyKhz(sysRoot, cpuinfo),
    memoryBytes,
    swapBytes: kilobytes(meminfo, 'SwapTotal') * 1024,
    hugePages: readHugePages(join(sysRoot, 'kernel/mm/hugepages')),
    memoryByType: readMemoryByType(sysRoot),
    nvm: readNvm(sysRoot),
    machineId,
    systemUuid: firstTextOf(systemUuidFiles.map((file) => join(sysRoot, file))) || machineId,
    cloudProvider: cloudProviderOf(sysRoot),
    bootId: textOf(join(procRoot, 'sys/kernel/random/boot_id')).trim(),
    bootedAtMs: bootSeconds * 1000,
    kernelVersion: textOf(join(procRoot, 'sys/kernel/osrelease')).trim() || release(),
    osVersion: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(textOf(join(etcRoot, 'os-release')))?.[1] ?? '',
    disks: readDisks(sysRoot),
    networkDevices: readNetworkDevices(sysRoot),
    nodes,
  }
}

const systemUuidFiles = [
  'class/dmi/id/product_uuid',
  'firmware/devicetree/base/vm,uuid',
  'firmware/devicetree/base/system-id',
  'hypervisor/uuid',
]

/** The first file that says something; texts of a device tree end with a zero byte. */
function firstTextOf(paths: readonly string[]): string {
  for (const path of paths) {
    const text = textOf(path).replaceAll('\0', '').trim()
    if (text !== '') return text
  }
  return ''
}

const providers: readonly (readonly [file: string, words: RegExp, provider: string])[] = [
  ['class/dmi/id/sys_vendor', /Amazon EC2/, 'AWS'],
  ['class/dmi/id/bios_vendor', /Amazon EC2/, 'AWS'],
  ['class/dmi/id/product_version', /amazon/, 'AWS'],
  ['class/dmi/id/product_name', /Google/, 'GCE'],
  ['class/dmi/id/sys_vendor', /Microsoft Corporation/, 'Azure'],
]

function cloudProviderOf(sysRoot: string): string {
  return providers.find(([file, words]) => words.test(textOf(join(sysRoot, file))))?.[2] ?? 'Unknown'
}

function frequencyKhz(sysRoot: string, cpuinfo: string): number {
  const fromDriver = Number(textOf(join(sysRoot, 'devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq')))
  if (fromDriver > 0) return fromDriver
  return Math.round(Number(/^cpu MHz\s*: ([\d.]+)$/m.exec(cpuinfo)?.[1] ?? 0) * 1000)
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

function kilobytes(meminfo: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0)
}
