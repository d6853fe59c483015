import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import type { CoreV1Lifecycle } from '../../api/generated/kinds.ts'
import type { ProbeHandler, ProbeOutcome } from '../probes/probe-executor.ts'
import { runPostStart, stopContainer } from './lifecycle-hooks.ts'
import { observed, testContainer, testPod } from './pod-fixtures.ts'
import type { PodServices } from './pod-services.ts'

let clock: FakeClock
let did: string[]
let outcome: ProbeOutcome
let hooks: ProbeHandler[]
let services: PodServices

beforeEach(() => {
  clock = new FakeClock()
  did = []
  hooks = []
  outcome = { isSuccess: true, output: '' }
  services = {
    clock,
    log: silentLog,
    settings: { hostIp: '10.0.0.1' },
    runtime: { stopContainer: async (id: string, graceSeconds: number) => void did.push(`stop ${id} ${graceSeconds}`) },
    recorder: { event: (_about: object, _type: string, reason: string, message: string) => did.push(`${reason}: ${message}`) },
    probeExecutor: {
      run: async (_target: object, handler: ProbeHandler) => {
        hooks.push(handler)
        return outcome
      },
    },
  } as unknown as PodServices
})

const parts = (lifecycle: CoreV1Lifecycle) => {
  const container = testContainer('main', { lifecycle })
  return { container, pod: testPod({ containers: [container], terminationGracePeriodSeconds: 20 }), main: observed('main', 'running') }
}
const stop = (lifecycle: CoreV1Lifecycle, options: Parameters<typeof stopContainer>[3]) => {
  const { pod, main } = parts(lifecycle)
  return stopContainer(services, pod, main, options)
}
const exec = { exec: { command: ['x'] } }

test('without a hook all of the grace period is the container’s', async () => {
  await stop({}, { graceSeconds: 9 })
  expect(did).toEqual(['stop main-0 9'])
})

test('what preStop takes is taken from the grace period, but for two seconds', async () => {
  const first = stop({ preStop: { sleep: { seconds: 4 } } }, { graceSeconds: 9 })
  const second = stop({ preStop: { sleep: { seconds: 60 } } }, { graceSeconds: 9 })
  await clock.advance(9_000)
  await Promise.all([first, second])
  expect(did).toEqual(['stop main-0 5', 'stop main-0 2'])
})

test('who serves others waits for its turn with its hook done', async () => {
  const waits: number[] = []
  const turn = (limitMs: number) => {
    waits.push(limitMs)
    return clock.sleep(3_000)
  }
  const stopped = stop({ preStop: { sleep: { seconds: 1 } } }, { graceSeconds: 10, turn })
  await clock.advance(4_000)
  await stopped
  expect(waits).toEqual([9_000])
  expect(did).toEqual(['stop main-0 6'])
})

test('no time means no hook', async () => {
  await stop({ preStop: exec }, { graceSeconds: 0 })
  expect(hooks).toEqual([])
  expect(did).toEqual(['stop main-0 0'])
})

test('a preStop that fails is told without what it printed, and the container stops', async () => {
  outcome = { isSuccess: false, output: 'the secret' }
  await stop({ preStop: exec }, { graceSeconds: 5 })
  expect(did).toEqual(['FailedPreStopHook: PreStopHook failed', 'stop main-0 5'])
})

test('a postStart that fails stops its container as any other end does', async () => {
  outcome = { isSuccess: false, output: 'the secret' }
  const { pod, container, main } = parts({ postStart: exec, preStop: exec })
  await runPostStart(services, pod, container, { observed: main, podIp: '10.0.0.5' })
  expect(did).toEqual([
    'FailedPostStartHook: PostStartHook failed',
    'Killing: FailedPostStartHook',
    'FailedPreStopHook: PreStopHook failed',
    'stop main-0 20',
  ])
})

test('a server that is told by HTTP may answer what it likes', async () => {
  outcome = { isSuccess: false, status: 404, output: 'no such page' }
  const { pod, container, main } = parts({ postStart: { httpGet: { port: 80, httpHeaders: [{ name: 'A', value: 'b' }] } } })
  await runPostStart(services, pod, container, { observed: main, podIp: '10.0.0.5' })
  expect(did).toEqual([])
  expect(hooks[0]?.httpGet?.httpHeaders).toEqual([
    { name: 'A', value: 'b' },
    { name: 'User-Agent', value: 'kube-lifecycle/1.35' },
  ])
})
