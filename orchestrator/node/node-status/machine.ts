import { readdir, readFile, statfs } from 'node:fs/promises'
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
  /** Memory that is set aside as huge pages, in bytes by the page's size: `2Mi`, `1Gi`. */
  readonly hugePages: Readonly<Record<string, number>>
  readonly hasAppArmor: boolean
}

/** Reads this machine's facts; what cannot be read is empty. `dataDir` names the file system that pods write to. */
export async function readMachine(dataDir: string): Promise<MachineFacts> {
  const text = async (path: string) => (await readFile(path, 'utf8').catch(() => '')).trim()
  const [machineId, systemUuid, bootId, osRelease, disk, hugePages, appArmor] = await Promise.all([
    text('/etc/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/etc/os-release'),
    statfs(dataDir).catch(() => undefined),
    readHugePages(),
    text('/sys/module/apparmor/parameters/enabled'),
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
    hugePages,
    hasAppArmor: appArmor === 'Y',
  }
}

const hugePagesFolder = '/sys/kernel/mm/hugepages'

async function readHugePages(): Promise<Record<string, number>> {
  const pages: Record<string, number> = {}
  for (const name of await readdir(hugePagesFolder).catch(() => [])) {
    const kibibytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1])
    const count = Number(await readFile(`${hugePagesFolder}/${name}/nr_hugepages`, 'utf8').catch(() => '0'))
    if (kibibytes > 0 && count >= 0) pages[sizeName(kibibytes)] = count * kibibytes * 1024
  }
  return pages
}

const sizeName = (kibibytes: number) =>
  kibibytes % 1024 ** 2 === 0 ? `${kibibytes / 1024 ** 2}Gi` : kibibytes % 1024 === 0 ? `${kibibytes / 1024}Mi` : `${kibibytes}Ki`
