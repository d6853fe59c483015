import { mkdirSync, symlinkSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { detectHierarchy } from '../cgroup/hierarchy.ts'
import type { ContainerDescription } from '../container.ts'
import { makeMachineFolder } from '../fixtures/machine-tree.ts'
import type { MachineFolder } from '../fixtures/machine-tree.ts'
import { readRecording, recorded } from '../fixtures/recording.ts'
import { CgroupNaming } from './cgroup-naming.ts'
import type { PodList } from './pod-lists.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

const podList = {
  items: [
    {
      metadata: { name: 'web', namespace: 'shop', uid: recorded.podUid },
      status: {
        containerStatuses: [{ name: 'server', image: 'shop/web:3', restartCount: 2, containerID: `containerd://${recorded.busyId}` }],
      },
    },
  ],
}

function setUp(list?: PodList) {
  const made = makeMachineFolder({ ...readRecording('kernel-6.1-cgroup-v2'), 'proc/125/comm': 'pause\n' })
  folder = made
  const link = (pid: number, inode: number) => {
    mkdirSync(`${made.procRoot}/${pid}/ns`, { recursive: true })
    symlinkSync(`net:[${inode}]`, `${made.procRoot}/${pid}/ns/net`)
  }
  link(1, 4000)
  link(recorded.sandboxPid, 4001)
  link(recorded.busyPid, 4001)
  link(163, 4000)
  const clock = new FakeClock()
  const told: ContainerDescription[] = []
  const naming = new CgroupNaming({
    clock,
    log: silentLog,
    hierarchy: detectHierarchy(made.cgroupRoot),
    procRoot: made.procRoot,
    podList: list,
    onDescription: (description) => told.push(description),
  })
  const abort = new AbortController()
  const run = async () => {
    const running = naming.run(abort.signal)
    await clock.advance(3000)
    abort.abort()
    await running
  }
  return { made, clock, naming, told, run }
}

test('containers of a containerd have names, image and logs from the list of pods, and the pod its network once', async () => {
  const { naming, told, run } = setUp(async () => podList)
  expect(naming.describe(recorded.busy, 5)).toMatchObject({
    id: recorded.busyId,
    namespace: 'containerd',
    pid: recorded.busyPid,
    hasNetwork: true,
  })
  naming.describe(recorded.sandbox, 5)
  await run()
  const [sandbox, busy] = [recorded.sandbox, recorded.busy].map((path) => told.findLast(({ name }) => name === path))
  expect(busy).toMatchObject({
    pod: { name: 'web', namespace: 'shop', uid: recorded.podUid, container: 'server', isSandbox: false },
    image: 'shop/web:3',
    aliases: [`k8s_server_web_shop_${recorded.podUid}_2`, recorded.busyId],
    logPath: `/var/log/pods/shop_web_${recorded.podUid}/server/2.log`,
    hasNetwork: false,
  })
  expect(sandbox).toMatchObject({ pod: { container: 'POD', isSandbox: true }, hasNetwork: true })
})

test('without a list of pods a container has its id, runtime and process', () => {
  const { naming } = setUp()
  expect(naming.describe(recorded.killed, 7)).toEqual({
    name: recorded.killed,
    id: 'b'.repeat(64),
    aliases: ['b'.repeat(64)],
    namespace: '',
    labels: {},
    image: '',
    pid: 163,
    createdMs: 7,
    startedMs: 7,
    hasNetwork: false,
  })
})

test('a container that has just been made is looked at again until its own program runs', () => {
  const { naming, made, told } = setUp()
  made.write({ 'proc/131/comm': 'runc:[2:INIT]\n' })
  expect(naming.describe(recorded.busy, 0)?.pid).toBeUndefined()
  naming.settle()
  expect(told).toEqual([])
  made.write({ 'proc/131/comm': 'server\n' })
  naming.settle()
  expect(told.map(({ pid }) => pid)).toEqual([131])
})

test.each([[{ kind: 'nonsense' }], ['x'], [null], [{ items: {} }]])(
  'a list that is none (%j) is told and changes nothing',
  async (list) => {
    const { naming, run } = setUp(async () => list)
    naming.describe(recorded.busy, 0)
    await run()
    expect(naming.listProblem).toContain('items')
  },
)

test('the list is asked for soon while a name is missing, and seldom when none is', async () => {
  let asked = 0
  const { naming, run } = setUp(async () => {
    asked++
    return {
      items: [{ metadata: 7 }, null, { metadata: { name: 'x', namespace: 'y', uid: 'z' }, status: { containerStatuses: [null, {}] } }],
    }
  })
  naming.describe(recorded.busy, 0)
  await run()
  expect([asked, naming.podCount, naming.listProblem]).toEqual([2, 1, undefined])
})

test('a network namespace that is not ours to see is told', () => {
  const { naming, made } = setUp()
  made.remove(`proc/${recorded.busyPid}/ns`)
  expect(naming.describe(recorded.busy, 0)?.hasNetwork).toBe(false)
  expect(naming.networkProblem).toBe('ENOENT')
})
