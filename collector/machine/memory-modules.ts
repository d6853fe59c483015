import { join } from 'node:path'
import { entriesOf, numberOf, textOf } from './small-files.ts'

/** Memory modules of one type. */
export interface MemoryModules {
  readonly capacityBytes: number
  readonly count: number
}

/** Persistent memory: what is used as memory, what is used as a disk, and the power that it may take on average. */
export interface Nvm {
  readonly memoryModeBytes: number
  readonly appDirectBytes: number
  readonly averagePowerBudgetWatts: number
}

const mebibyte = 1024 * 1024

/** Modules by type, from the drivers of memory controllers (EDAC); empty on machines without. */
export function readMemoryByType(sysRoot: string): Record<string, MemoryModules> {
  const controllers = join(sysRoot, 'devices/system/edac/mc')
  const modules = entriesOf(controllers)
    .filter((name) => /^mc\d+$/.test(name))
    .flatMap((controller) => entriesOf(join(controllers, controller)).map((name) => join(controllers, controller, name)))
    .filter((path) => /\/(dimm|rank)\d+$/.test(path))
    .map((path) => ({ type: textOf(join(path, 'dimm_mem_type')).trim(), bytes: numberOf(join(path, 'size')) * mebibyte }))
    .filter(({ type, bytes }) => type !== '' && bytes > 0)
  return Object.fromEntries(
    [...Map.groupBy(modules, ({ type }) => type)].map(([type, of]) => [
      type,
      { capacityBytes: of.reduce((sum, { bytes }) => sum + bytes, 0), count: of.length },
    ]),
  )
}

/** Persistent memory by its regions on the bus. Its memory mode and power can't be had without the maker's library: 0. */
export function readNvm(sysRoot: string): Nvm {
  const devices = join(sysRoot, 'bus/nd/devices')
  const appDirectBytes = entriesOf(devices)
    .filter((name) => /^region\d+$/.test(name) && textOf(join(devices, name, 'devtype')).trim() === 'nd_pmem')
    .reduce((sum, name) => sum + numberOf(join(devices, name, 'size')), 0)
  return { memoryModeBytes: 0, appDirectBytes, averagePowerBudgetWatts: 0 }
}
