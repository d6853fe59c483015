import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import type { CoreV1Container } from '../../api/generated/kinds.ts'
import { observed, testContainer, testPod } from '../pod/pod-fixtures.ts'
import type { ProbeHandler, ProbeOutcome } from './probe-executor.ts'
import { Prober } from './prober.ts'

const handler = (name: string) => ({ exec: { command: [name] } })
const nameOf = ({ exec }: ProbeHandler) => exec?.command?.[0] ?? ''
let clock: FakeClock
let prober: Prober
/** What each probe finds now, by name. */
let outcomes: Record<string, ProbeOutcome | boolean>
let looks: string[]
let events: string[]
let changes: number

beforeEach(() => {
  clock = new FakeClock()
  outcomes = {}
  looks = []
  events = []
  changes = 0
  prober = new Prober({
    clock,
    executor: {
      run: async (_target, probe, timeoutMs) => {
        looks.push(`${nameOf(probe)} ${clock.monotonic() / 1000} ${timeoutMs}`)
        const outcome = outcomes[nameOf(probe)] ?? true
        return typeof outcome === 'boolean' ? { isSuccess: outcome, output: outcome ? '' : 'ill' } : outcome
      },
    },
    recorder: {
      event: (_about, type, reason, message) => void events.push(`${type} ${reason} ${message}`),
      flush: async () => {},
      dropped: 0,
    },
  })
})

const track = (probes: Partial<CoreV1Container>) => {
  const container = testContainer('main', probes)
  const subject = { pod: testPod({ containers: [container] }), container, podIp: '10.0.0.5' }
  prober.track({ ...subject, observed: observed('main', 'running', { id: 'c', startedAtMs: clock.now() }) }, () => changes++)
}
const verdict = () => prober.verdicts(['c', 'other']).get('c')

test('a container without probes is ready at once', () => {
  track({})
  expect(verdict()).toEqual({ isStarted: true, isReady: true })
})

test('looks begin after the initial delay and come once per period, each with its time limit', async () => {
  track({ readinessProbe: { ...handler('r'), initialDelaySeconds: 5, periodSeconds: 3, timeoutSeconds: 2 } })
  await clock.advance(11_000)
  expect(looks).toEqual(['r 5 2000', 'r 8 2000', 'r 11 2000'])
})

test('readiness comes and goes when its thresholds are reached', async () => {
  track({ readinessProbe: { ...handler('r'), periodSeconds: 1, successThreshold: 2, failureThreshold: 3 } })
  const after = async (isWell: boolean, seconds: number) => {
    outcomes['r'] = isWell
    await clock.advance(seconds * 1000)
    return verdict()?.isReady
  }
  expect(await after(true, 0)).toBe(false)
  expect(await after(true, 1)).toBe(true)
  expect(await after(false, 2)).toBe(true)
  expect(await after(true, 1)).toBe(true)
  expect(await after(false, 3)).toBe(false)
  expect(await after(true, 1)).toBe(false)
  expect(changes).toBe(2)
  expect(events[0]).toBe('Warning Unhealthy Readiness probe failed: ill')
})

test('nothing else is looked at before the startup probe has passed', async () => {
  outcomes['s'] = false
  track({
    startupProbe: { ...handler('s'), periodSeconds: 1, failureThreshold: 30 },
    readinessProbe: { ...handler('r'), periodSeconds: 1 },
    livenessProbe: { ...handler('l'), periodSeconds: 1 },
  })
  await clock.advance(5_000)
  expect(verdict()).toEqual({ isStarted: false, isReady: false })
  expect(looks.some((look) => !look.startsWith('s'))).toBe(false)
  outcomes['s'] = true
  await clock.advance(2_000)
  expect(verdict()).toEqual({ isStarted: true, isReady: true })
  expect(looks.filter((look) => look.startsWith('s'))).toHaveLength(7)
})

test.each([
  ['startup', 'startupProbe'],
  ['liveness', 'livenessProbe'],
] as const)('a %s probe that fails too often says why, and how long the end may take', async (kind, field) => {
  outcomes['x'] = false
  track({ [field]: { ...handler('x'), periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 4 } })
  await clock.advance(0)
  expect(verdict()?.unhealthy).toBeUndefined()
  await clock.advance(10_000)
  expect(verdict()?.unhealthy).toEqual({ why: `Container main failed ${kind} probe, will be restarted`, graceSeconds: 4 })
  expect(looks).toHaveLength(2)
})

test('whether a container can serve is looked at until it has ended, whether it is alive is not', async () => {
  track({
    readinessProbe: { ...handler('r'), periodSeconds: 1, failureThreshold: 1 },
    livenessProbe: { ...handler('l'), periodSeconds: 1 },
  })
  await clock.advance(1_000)
  prober.keepReadiness('c')
  looks = []
  outcomes = { r: false, l: false }
  await clock.advance(5_000)
  expect(looks.every((look) => look.startsWith('r'))).toBe(true)
  expect(verdict()).toEqual({ isStarted: true, isReady: false })
  prober.untrack('c')
  looks = []
  await clock.advance(5_000)
  expect(looks).toEqual([])
})

test('a warning counts as success and is told', async () => {
  outcomes['r'] = { isSuccess: true, isWarning: true, output: 'elsewhere' }
  track({ readinessProbe: handler('r') })
  await clock.advance(0)
  expect(verdict()?.isReady).toBe(true)
  expect(events).toEqual(['Warning ProbeWarning Readiness probe warning: elsewhere'])
})
