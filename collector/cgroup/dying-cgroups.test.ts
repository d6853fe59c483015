import { afterEach, expect, test } from 'vitest'
import { makeMachineFolder } from '../fixtures/machine-tree.ts'
import type { MachineFolder } from '../fixtures/machine-tree.ts'
import { countDyingCgroups } from './dying-cgroups.ts'
import { detectHierarchy } from './hierarchy.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

test('v2 counts the cgroups that are removed but not gone', () => {
  folder = makeMachineFolder({ 'cgroup/cgroup.controllers': 'cpu\n', 'cgroup/cgroup.stat': 'nr_descendants 7\nnr_dying_descendants 3\n' })
  expect(countDyingCgroups(detectHierarchy(folder.cgroupRoot), folder.procRoot)).toBe(3)
})

test('on v1 they are those without a folder', () => {
  folder = makeMachineFolder({
    'cgroup/memory/a/b/x': '',
    'proc/cgroups': '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t9\t1\nmemory\t4\t10\t1\n',
  })
  expect(countDyingCgroups(detectHierarchy(folder.cgroupRoot), folder.procRoot)).toBe(7)
})

test('where nothing tells there is no figure', () => {
  folder = makeMachineFolder({ 'cgroup/cpu/x': '' })
  expect(countDyingCgroups(detectHierarchy(folder.cgroupRoot), folder.procRoot)).toBeNaN()
})
