import { afterEach, expect, test } from 'vitest'
import { machineInfo } from '../cadvisor/machine.ts'
import { machineFiles, makeMachineFolder } from '../fixtures/machine-tree.ts'
import type { MachineFolder } from '../fixtures/machine-tree.ts'
import { readRecording } from '../fixtures/recording.ts'
import { parseMountInfo, readFileSystems } from './file-systems.ts'
import { readMachineInfo } from './machine-info.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { SystemProcesses } from './system-processes.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

test('a machine is described by /proc, /sys and /etc', () => {
  folder = makeMachineFolder(machineFiles)
  const machine = readMachineInfo(folder)
  expect(machine).toMatchObject({
    vendorId: 'AuthenticAMD',
    cores: 2,
    physicalCores: 2,
    sockets: 1,
    cpuFrequencyKhz: 2596120,
    memoryBytes: 24684092 * 1024,
    swapBytes: 1048576 * 1024,
    bootedAtMs: 1795228893000,
    osVersion: 'Debian GNU/Linux 12 (bookworm)',
    kernelVersion: '6.18.44',
    hugePages: [{ pageSizeKb: 2048, count: 3 }],
    disks: [{ name: 'vda', major: 254, minor: 0, sizeBytes: 536870912 * 512, scheduler: 'none' }],
    networkDevices: [{ name: 'eth0', macAddress: '02:00:00:00:00:01', speedMbits: 0, mtu: 1500 }],
  })
  expect(machine.nodes).toMatchObject([
    {
      id: 0,
      memoryBytes: 24684092 * 1024,
      cores: [
        { coreId: 0, threads: [0] },
        { coreId: 1, threads: [1] },
      ],
    },
  ])
  expect(machine.nodes[0]?.cores[0]?.caches).toEqual([{ id: 0, sizeBytes: 48 * 1024, type: 'Data', level: 1 }])
})

test('the API’s machine has upstream’s names, odd ones included', () => {
  folder = makeMachineFolder(machineFiles)
  const info = machineInfo(readMachineInfo(folder), [], 0)
  expect(info).toMatchObject({ num_cores: 2, memory_capacity: 24684092 * 1024, disk_map: { '254:0': { name: 'vda' } } })
  expect(Object.keys(info.nvm)).toContain('app direct_mode_capacity')
})

test('NUMA nodes have their distances, huge pages and the caches that all their cores share', () => {
  const cache = (cpu: number, index: number, level: number, cpus: string) => ({
    [`sys/devices/system/cpu/cpu${cpu}/cache/index${index}/level`]: `${level}\n`,
    [`sys/devices/system/cpu/cpu${cpu}/cache/index${index}/shared_cpu_list`]: `${cpus}\n`,
    [`sys/devices/system/cpu/cpu${cpu}/cache/index${index}/size`]: '32K\n',
    [`sys/devices/system/cpu/cpu${cpu}/cache/index${index}/type`]: 'Unified\n',
  })
  const ids = [0, 1, 2, 3]
  folder = makeMachineFolder({
    'proc/cpuinfo': ids.map((id) => `processor\t: ${id}\nCPU implementer\t: 0x41\n`).join('\n'),
    ...Object.assign({}, ...ids.map((id) => ({ [`sys/devices/system/cpu/cpu${id}/topology/core_id`]: `${id >> 1}\n` }))),
    ...Object.assign({}, ...ids.map((id) => ({ [`sys/devices/system/node/node${id >> 2}/cpu${id}/x`]: '' }))),
    ...cache(0, 0, 1, '0-1'),
    ...cache(2, 0, 1, '2-3'),
    ...cache(0, 3, 3, '0-3'),
    ...cache(2, 3, 3, '0-3'),
    'sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages': '4\n',
    'sys/devices/system/node/node0/distance': readRecording('kernel-6.1-cgroup-v2')['sys/devices/system/node/node0/distance']!,
  })
  const machine = readMachineInfo(folder)
  expect([machine.cores, machine.physicalCores, machine.sockets]).toEqual([4, 2, 1])
  expect(machine.nodes).toMatchObject([
    {
      distances: [10, 20],
      hugePages: [{ pageSizeKb: 2048, count: 4 }],
      caches: [{ level: 3, sizeBytes: 32768 }],
      cores: [
        { threads: [0, 1], caches: [{ level: 1 }], uncoreCaches: [] },
        { threads: [2, 3], caches: [{ level: 1 }], uncoreCaches: [] },
      ],
    },
  ])
})

test('memory modules, persistent memory, ids and the cloud come from firmware and drivers', () => {
  folder = makeMachineFolder({
    ...machineFiles,
    'sys/devices/system/edac/mc/mc0/dimm0/dimm_mem_type': 'Registered-DDR4\n',
    'sys/devices/system/edac/mc/mc0/dimm0/size': '16384\n',
    'sys/devices/system/edac/mc/mc0/dimm1/dimm_mem_type': 'Registered-DDR4\n',
    'sys/devices/system/edac/mc/mc0/dimm1/size': '16384\n',
    'sys/bus/nd/devices/region0/devtype': 'nd_pmem\n',
    'sys/bus/nd/devices/region0/size': '1073741824\n',
    'sys/class/dmi/id/sys_vendor': 'Amazon EC2\n',
  })
  expect(readMachineInfo(folder)).toMatchObject({
    memoryByType: { 'Registered-DDR4': { capacityBytes: 32 * 1024 ** 3, count: 2 } },
    nvm: { appDirectBytes: 1073741824 },
    cloudProvider: 'AWS',
    systemUuid: '3d1219c7c4c5404aaa1f6d2a48adfda4',
    books: 0,
  })
})

test('a machine that tells nothing is empty and no error', () => {
  folder = makeMachineFolder({ x: '' })
  expect(readMachineInfo(folder)).toMatchObject({ cores: 0, memoryBytes: 0, disks: [], machineId: '' })
})

test('local file systems are taken once each, network file systems never', () => {
  const mounts = parseMountInfo(machineFiles['proc/self/mountinfo']!)
  expect(mounts).toEqual([{ device: '/dev/vda', mountpoint: '/', type: 'ext4', major: 254, minor: 0 }])
  expect(parseMountInfo('1 2 8:1 / /a\\040b rw - xfs /dev/sd\\134x rw\nnonsense\n')).toEqual([
    { device: '/dev/sd\\x', mountpoint: '/a b', type: 'xfs', major: 8, minor: 1 },
  ])
})

test('file systems are sized with the time of asking', async () => {
  folder = makeMachineFolder(machineFiles)
  const [root] = await readFileSystems(folder.procRoot, 77)
  expect(root).toMatchObject({ mountpoint: '/', measuredAtMs: 77 })
  expect(root!.capacityBytes).toBeGreaterThan(root!.availableBytes)
})

test('node agent and runtime are measured over their processes, whatever a process calls itself', async () => {
  const stat = (name: string, user: number, pages: number) =>
    `7 (${name}) S 1 1 1 0 -1 0 0 0 0 0 ${user} 5 0 0 20 0 1 0 100 1000 ${pages} 0\n`
  const made = makeMachineFolder({
    'proc/stat': 'btime 1000\n',
    'proc/7/comm': 'node\n',
    'proc/7/stat': stat('a) S b', 95, 10),
    'proc/8/comm': 'dockerd\n',
    'proc/8/stat': stat('dockerd', 195, 20),
    'proc/9/comm': 'containerd\n',
    'proc/9/stat': stat('containerd', 295, 30),
  })
  folder = made
  const clock = new FakeClock()
  const processes = new SystemProcesses({ clock, procRoot: made.procRoot, agentPid: 7 })
  processes.sample()
  await clock.advance(10_000)
  made.write({ 'proc/8/stat': stat('dockerd', 295, 20) })
  processes.sample()
  expect(
    processes.stats().map(({ name, cpu, memory }) => [name, cpu?.usageCoreNanoSeconds, cpu?.usageNanoCores, memory?.rssBytes]),
  ).toEqual([
    ['kubelet', 1_000_000_000, 0, 40960],
    ['runtime', 6_000_000_000, 100_000_000, 204800],
  ])
  expect(processes.stats()[0]?.startTime).toBe('1970-01-01T00:16:41.000Z')
})
