import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { makeMachineFolder } from '../fixtures/machine-tree.ts'
import type { MachineFolder } from '../fixtures/machine-tree.ts'
import { parseStat, runningTime, startTime } from './process-files.ts'
import { ProcessTable } from './process-table.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

const statLine = (pid: number, command: string) =>
  `${pid} (${command}) S 1 ${pid} ${pid} 0 -1 4194560 0 0 0 0 250 50 0 0 20 0 3 0 60000 8388608 512 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0\n`

const processFiles = (pid: number, command: string, cgroup: string) => ({
  [`proc/${pid}/stat`]: statLine(pid, command),
  [`proc/${pid}/status`]: `Name:\tx\nUid:\t0\t1000\t0\t0\nVmLck:\t       0 kB\n`,
  [`proc/${pid}/cgroup`]: `4:memory:${cgroup}\n3:cpu,cpuacct:/other\n`,
  [`proc/${pid}/fd/0`]: '',
  [`proc/${pid}/fd/1`]: '',
})

test('the processes of a cgroup come from /proc, in upstream’s fields', async () => {
  folder = makeMachineFolder({
    'proc/uptime': '1200.00 10.0\n',
    'proc/meminfo': 'MemTotal:       20480 kB\n',
    'etc/passwd': 'root:x:0:0::/:\nada:x:1000:1000::/:\n',
    ...processFiles(42, 'my (odd) name', '/docker/a'),
    ...processFiles(7, 'other', '/docker/b'),
  })
  const clock = new FakeClock(new Date(2026, 4, 6, 12, 0, 0).getTime())
  const table = new ProcessTable({ clock, ...folder })
  const [only, ...others] = await table.list('/docker/a')
  expect(others).toEqual([])
  expect(only).toEqual({
    user: 'ada',
    pid: 42,
    parent_pid: 1,
    start_time: '11:50',
    percent_cpu: 0.5,
    percent_mem: 10,
    rss: 2097152,
    virtual_size: 8388608,
    status: 'Ssl',
    running_time: '00:00:03',
    cgroup_path: '',
    cmd: 'my (odd) name',
    fd_count: 2,
    psr: 1,
  })
  expect((await table.list('/')).map(({ pid, cgroup_path }) => [pid, cgroup_path])).toEqual([
    [7, '/docker/b'],
    [42, '/docker/a'],
  ])
  expect(await table.list('/none')).toEqual([])
})

test('times are written as ps writes them', () => {
  const now = new Date(2026, 4, 6, 12).getTime()
  expect(runningTime(3 * 86_400 + 7384.9)).toBe('3-02:03:04')
  expect(startTime(new Date(2026, 4, 6, 0, 5).getTime(), now)).toBe('00:05')
  expect(startTime(new Date(2026, 3, 1).getTime(), now)).toBe('Apr01')
  expect(startTime(new Date(2025, 11, 31).getTime(), now)).toBe('2025')
})

test('what is no line of stat is no process', () => {
  expect(parseStat('')).toBeUndefined()
  expect(parseStat('nonsense')).toBeUndefined()
})
