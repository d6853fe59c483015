import { afterEach, expect, test } from 'vitest'
import type { MissingFile } from './container-files.ts'
import { makeMachineFolder } from './fixtures/machine-tree.ts'
import type { MachineFolder } from './fixtures/machine-tree.ts'
import { missingFindings } from './missing-findings.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

function findingsFor(name: string, problem: string, changes: Partial<MissingFile> = {}) {
  folder = makeMachineFolder({ 'a/x': '' })
  const file = { path: `${folder.path}/a/${name}`, problem, missing: ['memoryMaxUsage'], isOptional: true, ...changes }
  return missingFindings(new Map([['/a', [file]]]))
}

test('a file that is missing everywhere is one finding with its figures, its reason and what would bring them', () => {
  folder = makeMachineFolder({ 'a/x': '', 'b/x': '' })
  const file = (cgroup: string) => ({
    path: `${folder!.path}/${cgroup}/memory.peak`,
    problem: 'ENOENT',
    missing: ['memoryMaxUsage'],
    isOptional: true,
  })
  expect(
    missingFindings(
      new Map([
        ['/a', [file('a')]],
        ['/b', [file('b')]],
      ]),
    ),
  ).toEqual([
    {
      level: 'missing',
      subject: 'memory.peak',
      text: 'memoryMaxUsage absent for 2 cgroups (/a): ENOENT, the kernel is older than 5.19: kernel 5.19',
      missing: {
        metrics: ['memoryMaxUsage'],
        path: `${folder.path}/a/memory.peak`,
        errno: 'ENOENT',
        cgroups: 2,
        example: '/a',
        remedy: 'kernel 5.19',
      },
    },
  ])
})

test.each([
  ['cpu.pressure', 'EOPNOTSUPP', 'boot with psi=1'],
  ['cpu.pressure', 'ENOENT', 'a kernel with CONFIG_PSI=y, booted with psi=1 where CONFIG_PSI_DEFAULT_DISABLED=y'],
  ['hugetlb.2MB.current', 'ENOENT', 'CONFIG_CGROUP_HUGETLB=y; on v2 +hugetlb'],
  ['memory.current', 'ENOENT', 'CONFIG_MEMCG=y; on v2 +memory in cgroup.subtree_control'],
  ['cpu.stat', 'EACCES', 'run as root or with CAP_DAC_READ_SEARCH'],
  ['cpu.stat', 'EMFILE', 'raise the limit of descriptors (ulimit -n)'],
  ['cpu.stat', 'EIO', undefined],
])('what would bring %s after %s', (name, problem, remedy) => {
  expect(findingsFor(name, problem)[0]?.missing?.remedy).toBe(remedy)
})

test('a cgroup that is not in a tree is told from a controller that is not on', () => {
  const [finding] = findingsFor('cpu.shares', 'ENOENT', { path: '/nowhere/at/all/cpu.shares', isOptional: false })
  expect(finding).toMatchObject({ level: 'problem', missing: { remedy: undefined } })
  expect(finding?.text).toContain('not in the tree that has cpu.shares')
})
