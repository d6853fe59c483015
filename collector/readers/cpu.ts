import { column } from '../metrics.ts'
import type { Reader, ReadTarget } from './reader.ts'
import { createKeyedParser } from './scanner.ts'
import type { Scanner } from './scanner.ts'

/** Nanoseconds per tick of `cpuacct.stat` and /proc (USER_HZ is 100 on every architecture that Node runs on). */
export const tickNanoseconds = 10_000_000

const scale = (targets: Record<string, number>, factor: number) => {
  const parse = createKeyedParser(targets)
  return (scanner: Scanner, { ring }: ReadTarget) => parse(scanner, (target, value) => ring.set(target, value * factor))
}

/** CPU on cgroup v1. The total is the sum over the cores, which is what `cpuacct.usage` is, so one file gives both. */
export const cpuV1: Reader = {
  name: 'cpu',
  version: 'v1',
  files: [
    {
      controller: 'cpuacct',
      file: 'cpuacct.usage_percpu',
      every: 'pass',
      metrics: ['cpuUsage'],
      also: 'CPU time per core',
      parse: parsePerCpu,
    },
    {
      controller: 'cpuacct',
      file: 'cpuacct.stat',
      subject: 'cpu',
      every: 'pass',
      metrics: ['cpuUser', 'cpuSystem'],
      parse: scale({ user: column.cpuUser, system: column.cpuSystem }, tickNanoseconds),
    },
    {
      controller: 'cpu',
      file: 'cpu.stat',
      subject: 'cpu',
      every: 'pass',
      metrics: ['cfsPeriods', 'cfsThrottledPeriods', 'cfsThrottledTime', 'cfsBursts', 'cfsBurstTime'],
      parse: scale(
        {
          nr_periods: column.cfsPeriods,
          nr_throttled: column.cfsThrottledPeriods,
          throttled_time: column.cfsThrottledTime,
          nr_bursts: column.cfsBursts,
          burst_time: column.cfsBurstTime,
        },
        1,
      ),
    },
  ],
}

const parseCpuStat = createKeyedParser({
  usage_usec: column.cpuUsage,
  user_usec: column.cpuUser,
  system_usec: column.cpuSystem,
  nr_periods: column.cfsPeriods,
  nr_throttled: column.cfsThrottledPeriods,
  throttled_usec: column.cfsThrottledTime,
  nr_bursts: column.cfsBursts,
  burst_usec: column.cfsBurstTime,
})

/** Columns of `cpu.stat` that count events; the others are microseconds. */
const counts = new Set([column.cfsPeriods, column.cfsThrottledPeriods, column.cfsBursts])

/** CPU on cgroup v2, which has no figures per core. */
export const cpuV2: Reader = {
  name: 'cpu',
  version: 'v2',
  files: [
    {
      controller: '',
      file: 'cpu.stat',
      subject: 'cpu',
      every: 'pass',
      metrics: ['cpuUsage', 'cpuUser', 'cpuSystem', 'cfsPeriods', 'cfsThrottledPeriods', 'cfsThrottledTime', 'cfsBursts', 'cfsBurstTime'],
      parse: (scanner, { ring }) => parseCpuStat(scanner, (target, value) => ring.set(target, counts.has(target) ? value : value * 1000)),
    },
  ],
}

const coreNames = Array.from({ length: 64 }, (_, core) => Buffer.from(`cpu${String(core).padStart(2, '0')}`, 'latin1'))

function parsePerCpu(scanner: Scanner, { ring }: ReadTarget): void {
  let total = 0
  for (let core = 0; !scanner.isLineDone; core++) {
    const value = scanner.number()
    scanner.skipBlanks()
    if (Number.isNaN(value)) break
    total += value
    const name = coreNames[core]
    const instance = name === undefined ? undefined : ring.instance('perCpu', name, 0, name.length)
    if (instance !== undefined) ring.setInstance('perCpu', instance, 0, value)
  }
  ring.set(column.cpuUsage, total)
}
