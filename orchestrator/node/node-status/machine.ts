import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism, release, totalmem } from 'node:os'

/** What the operating system says of itself, for the node object. */
export interface MachineFacts {
  readonly machineId: string
  readonly systemUuid: string
  readonly bootId: string
  readonly kernelVersion: string
  readonly osImage: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly diskBytes: number
}

/** Reads this machine's facts; what cannot be read is empty. `dataDir` names the file system that pods write to. */
export async function readMachine(dataDir: string): Promise<MachineFacts> {
  const text = async (path: string) => (await readFile(path, 'utf8').catch(() => '')).trim()
  const [machineId, systemUuid, bootId, osRelease, disk] = await Promise.all([
    text('/etc/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/etc/os-release'),
    statfs(dataDir).catch(() => undefined),
  ])
  return {
    machineId,
    systemUuid: systemUuid === '' ? machineId : systemUuid,
    bootId,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    diskBytes: disk === undefined ? 0 : disk.blocks * disk.bsize,
  }
}
