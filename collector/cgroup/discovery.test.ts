import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { containerId, makeMachineFolder } from '../fixtures/machine-tree.ts'
import type { MachineFolder } from '../fixtures/machine-tree.ts'
import { CgroupDiscovery } from './discovery.ts'
import { detectHierarchy, folderOf, parseProcCgroup } from './hierarchy.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

test('a sweep finds every cgroup, parents first, without mount units and what is inside a container', async () => {
  const made = makeMachineFolder({
    'tree/system.slice/ssh.service/x': '',
    'tree/system.slice/tmp.mount/x': '',
    [`tree/docker/${containerId}/inner/x`]: '',
  })
  folder = made
  const clock = new FakeClock()
  const sweeps: string[][] = []
  const discovery = new CgroupDiscovery({
    clock,
    log: silentLog,
    root: `${made.path}/tree`,
    sweepIntervalMs: 60_000,
    onSweep: (cgroups) => sweeps.push(cgroups.map(({ path }) => path)),
  })
  const abort = new AbortController()
  const running = discovery.run(abort.signal)
  expect(sweeps[0]?.toSorted()).toEqual(['/', '/docker', `/docker/${containerId}`, '/system.slice', '/system.slice/ssh.service'])
  made.remove('tree/system.slice/ssh.service')
  await clock.advance(60_000)
  expect(sweeps.at(-1)).not.toContain('/system.slice/ssh.service')
  abort.abort()
  await running
  expect(discovery.watching.folders).toBe(0)
})

test('v1, v2 and hybrid mounts are told apart by what they contain', () => {
  const made = makeMachineFolder({
    'v1/memory/x': '',
    'v1/cpu,cpuacct/x': '',
    'v2/cgroup.controllers': 'cpu',
    'hybrid/memory/x': '',
    'hybrid/unified/cgroup.controllers': '',
    'none/x': '',
  })
  folder = made
  const at = (name: string) => detectHierarchy(`${made.path}/${name}`)
  expect([at('v1').version, at('v2').version, at('hybrid').version, at('none').version, at('absent').version]).toEqual([
    'v1',
    'v2',
    'hybrid',
    'none',
    'none',
  ])
  expect(folderOf(at('v1'), 'cpuacct', '/a')).toBe(`${made.path}/v1/cpu,cpuacct/a`)
  expect(folderOf(at('hybrid'), '', '/a')).toBe(`${made.path}/hybrid/unified/a`)
  expect(folderOf(at('v1'), '', '/a')).toBeUndefined()
})

test('the paths of a process are read by controller', () => {
  expect(parseProcCgroup('9:name=systemd:/a\n1:cpu,cpuacct:/b:c\n0::/d\nnonsense\n')).toEqual({
    'name=systemd': '/a',
    cpu: '/b:c',
    cpuacct: '/b:c',
    '': '/d',
  })
})
