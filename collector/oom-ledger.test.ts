import { afterEach, expect, test } from 'vitest'
import { makeMachineFolder } from './fixtures/machine-tree.ts'
import type { MachineFolder } from './fixtures/machine-tree.ts'
import { readRecording, recorded } from './fixtures/recording.ts'
import { column } from './metrics.ts'
import { OomLedger } from './oom-ledger.ts'
import { oomKills, StatsStore } from './stats-store.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

const podPath = `cgroup${recorded.pod}`
const events = (kills: number) => `low 0\nhigh 0\nmax 9\noom 1\noom_kill ${kills}\noom_group_kill 0\n`

function setUp() {
  const made = makeMachineFolder(readRecording('kernel-6.1-cgroup-v2'))
  folder = made
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  const ledger = new OomLedger(made.cgroupRoot)
  const add = (name: string) => {
    const described = { id: name, aliases: [name], namespace: '', labels: {}, image: '', createdMs: 0, startedMs: 0, hasNetwork: false }
    const container = store.upsert({ ...described, name }, 0)!
    container.ring.begin(0, 0)
    ledger.noteAdded(name)
    return container
  }
  return { made, store, ledger, add }
}

test('a kill between the last pass and the end of a container is found at its pod', () => {
  const { made, ledger, add } = setUp()
  const container = add(recorded.busy)
  container.ring.set(column.memoryOomKills, 1)
  made.remove(`cgroup${recorded.busy}`)
  made.write({ [`${podPath}/memory.events`]: events(4) })
  ledger.settle(container)
  expect(oomKills(container)).toBe(4)
})

test('kills of containers that are still there, and of those that went before, are not counted again', () => {
  const { made, ledger, add } = setUp()
  const [busy, sandbox] = [add(recorded.busy), add(recorded.sandbox)]
  made.write({ [`${podPath}/memory.events`]: events(6), [`cgroup${recorded.busy}/memory.events`]: events(3) })
  made.remove(`cgroup${recorded.sandbox}`)
  ledger.settle(sandbox)
  expect(oomKills(sandbox)).toBe(3)
  made.remove(`cgroup${recorded.busy}`)
  ledger.settle(busy)
  expect(oomKills(busy)).toBe(3)
})

test('what a pod counted before anyone looked is left out', () => {
  const { made, ledger, add } = setUp()
  made.write({ [`${podPath}/memory.events`]: events(50) })
  const container = add(recorded.busy)
  made.remove(`cgroup${recorded.busy}`)
  ledger.settle(container)
  expect(oomKills(container)).toBe(1)
})

test('a container of no pod, and one whose pod went with it, keep what was read', () => {
  const { made, ledger, add } = setUp()
  const [plain, busy] = [add(`/docker/${'d'.repeat(64)}`), add(recorded.busy)]
  busy.ring.set(column.memoryOomKills, 2)
  made.remove(podPath)
  ledger.settle(plain)
  ledger.settle(busy)
  expect([oomKills(plain), oomKills(busy)]).toEqual([0, 2])
})
