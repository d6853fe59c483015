import type { ContainerSpec } from '../container.ts'
import type { FileReader, Reader, ReadTarget } from './reader.ts'
import type { Scanner } from './scanner.ts'

/** v1 writes "no limit" as the largest multiple of the page size below 2^63. */
const unlimitedFrom = 2 ** 62

type NumericField = Exclude<keyof ContainerSpec, 'cpuMask'>

function limit(controller: string, file: string, field: NumericField): FileReader {
  return {
    controller,
    file,
    every: 'slow',
    metrics: [],
    also: field,
    isOptional: true,
    parse: (scanner, { spec }) => {
      spec[field] = finite(scanner.number())
    },
  }
}

function mask(controller: string, file: string): FileReader {
  return {
    controller,
    file,
    every: 'slow',
    metrics: [],
    also: 'cpuMask',
    isOptional: true,
    parse: (scanner, { spec }) => {
      const text = Buffer.from(scanner.bytes.buffer, scanner.bytes.byteOffset, Math.min(scanner.end, 256)).toString('latin1').trim()
      spec.cpuMask = text === '' ? undefined : text
    },
  }
}

/** Limits on cgroup v1. */
export const specV1: Reader = {
  name: 'spec',
  version: 'v1',
  files: [
    limit('cpu', 'cpu.shares', 'cpuShares'),
    limit('cpu', 'cpu.cfs_quota_us', 'cpuQuotaUs'),
    limit('cpu', 'cpu.cfs_period_us', 'cpuPeriodUs'),
    limit('memory', 'memory.limit_in_bytes', 'memoryLimitBytes'),
    limit('memory', 'memory.soft_limit_in_bytes', 'memoryReservationBytes'),
    limit('memory', 'memory.memsw.limit_in_bytes', 'swapLimitBytes'),
    limit('pids', 'pids.max', 'processesLimit'),
    mask('cpuset', 'cpuset.cpus'),
  ],
}

/** Limits on cgroup v2; a weight is shown as the shares that it stands for, as upstream converts it. */
export const specV2: Reader = {
  name: 'spec',
  version: 'v2',
  files: [
    { controller: '', file: 'cpu.weight', every: 'slow', metrics: [], also: 'cpuShares', isOptional: true, parse: parseWeight },
    { controller: '', file: 'cpu.max', every: 'slow', metrics: [], also: 'cpuQuotaUs', isOptional: true, parse: parseCpuMax },
    limit('', 'memory.max', 'memoryLimitBytes'),
    limit('', 'memory.high', 'memoryHighBytes'),
    limit('', 'memory.min', 'memoryReservationBytes'),
    limit('', 'memory.swap.max', 'swapLimitBytes'),
    limit('', 'pids.max', 'processesLimit'),
    mask('', 'cpuset.cpus.effective'),
  ],
}

function parseWeight(scanner: Scanner, { spec }: ReadTarget): void {
  const weight = scanner.number()
  spec.cpuShares = Number.isNaN(weight) ? undefined : Math.floor(2 + ((weight - 1) * 262_142) / 9999)
}

function parseCpuMax(scanner: Scanner, { spec }: ReadTarget): void {
  spec.cpuQuotaUs = finite(scanner.number())
  spec.cpuPeriodUs = finite(scanner.number())
}

/** `max`, `-1` and v1's huge number all mean that there is no limit. */
function finite(value: number): number | undefined {
  return Number.isNaN(value) || value >= unlimitedFrom ? undefined : value
}
