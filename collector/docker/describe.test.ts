import { afterEach, expect, test } from 'vitest'
import { detectHierarchy } from '../cgroup/hierarchy.ts'
import { cgroupV1, cgroupV2, containerId, makeMachineFolder, processFiles } from '../fixtures/machine-tree.ts'
import type { MachineFolder, Tree } from '../fixtures/machine-tree.ts'
import { describe, isForeign, podOf } from './describe.ts'
import { parseEvent } from './docker-engine.ts'
import { exposedOf } from './docker-engine.ts'
import type { DockerInspection } from './docker-engine.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

const inspection: DockerInspection = {
  id: containerId,
  name: 'web',
  image: 'nginx',
  labels: {},
  isRunning: true,
  pid: 42,
  createdMs: 1,
  startedMs: 2,
  networkMode: 'default',
  cgroupParent: '',
  health: undefined,
  layerPath: undefined,
  logPath: undefined,
}

function describeOn(files: Tree, changes: Partial<DockerInspection> = {}) {
  folder = makeMachineFolder(files)
  return describe({ ...inspection, ...changes }, detectHierarchy(folder.cgroupRoot), folder.procRoot)
}

test('the cgroup is where the first process says it is', () => {
  const path = `/custom/${containerId}`
  expect(describeOn({ ...cgroupV1('/'), ...processFiles(42, [`4:memory:${path}`, `1:cpu,cpuacct:${path}`]) }).name).toBe(path)
  folder?.dispose()
  expect(describeOn({ ...cgroupV2('/'), ...processFiles(42, [`0::/system.slice/docker-${containerId}.scope`]) }).name).toBe(
    `/system.slice/docker-${containerId}.scope`,
  )
})

test('controllers with paths of their own keep them', () => {
  const files = processFiles(42, [`4:memory:/a/${containerId}`, `8:pids:/b/${containerId}`])
  expect(describeOn({ ...cgroupV1('/'), ...files }).controllerPaths).toEqual({ pids: `/b/${containerId}` })
})

test.each([
  ['', `/docker/${containerId}`],
  ['/pods', `/pods/${containerId}`],
  ['system.slice', `/system.slice/docker-${containerId}.scope`],
])('a process that is not this container any more leaves Docker’s usual place below %j', (cgroupParent, expected) => {
  expect(describeOn({ ...cgroupV1('/'), ...processFiles(42, ['4:memory:/somebody/else']) }, { cgroupParent }).name).toBe(expected)
})

test.each([
  ['default', true],
  ['my-network', true],
  ['host', false],
  ['none', false],
  ['container:abc', false],
])('with the network mode %s a container has a network of its own: %s', (networkMode, expected) => {
  expect(describeOn(cgroupV1('/'), { networkMode }).hasNetwork).toBe(expected)
})

const podLabels = {
  'io.kubernetes.pod.name': 'web-1',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.uid': 'u1',
  'io.kubernetes.container.name': 'web',
  'io.kubernetes.docker.type': 'container',
}

test('pods are known by their labels, and the sandbox by its type or name', () => {
  expect(podOf(podLabels)).toEqual({ name: 'web-1', namespace: 'shop', uid: 'u1', container: 'web', isSandbox: false })
  expect(podOf({ ...podLabels, 'io.kubernetes.docker.type': 'podsandbox' })?.isSandbox).toBe(true)
  expect(podOf({ ...podLabels, 'io.kubernetes.container.name': 'POD' })?.isSandbox).toBe(true)
  expect(podOf({ 'io.kubernetes.pod.name': 'web-1' })).toBeUndefined()
})

test('containers of another node or cluster are foreign, containers of none are not', () => {
  expect(isForeign({ 'binnacle.node': 'n2' }, { node: 'n1' })).toBe(true)
  expect(isForeign({ 'binnacle.node': 'n1' }, { node: 'n1' })).toBe(false)
  expect(isForeign({}, { node: 'n1', cluster: 'c1' })).toBe(false)
  expect(isForeign({ 'binnacle.node': 'n1', 'binnacle.cluster': 'c2' }, { node: 'n1', cluster: 'c1' })).toBe(true)
  expect(isForeign({ 'binnacle.node': 'n1', 'binnacle.cluster': 'c2' }, {})).toBe(false)
})

test.each([
  '',
  '{',
  '[]',
  'null',
  '{"Type":"network","Action":"connect","Actor":{"ID":"x"}}',
  '{"Type":"container","Action":7,"Actor":{"ID":"x"}}',
  '{"Type":"container","Action":"die"}',
])('%j is no container event', (line) => {
  expect(parseEvent(line)).toBeUndefined()
})

test('of the environment only variables that are allowed are taken in, by the start of their name', () => {
  const entries = ['APP_VERSION=1=2', 'APP_SECRET', 'PASSWORD=x', 'PATH=/bin']
  expect(exposedOf(entries, ['APP_'])).toEqual({ app_version: '1=2' })
  expect(exposedOf(entries, [])).toBeUndefined()
  expect(exposedOf(entries, [''])).toBeUndefined()
})
