import { expect, test } from 'vitest'
import type { EventRecorder } from '../../client/events.ts'
import { RepeatedWarnings } from './repeated-warnings.ts'

test('a warning that lasts is given once per period and autoscaler, everything else as it comes', () => {
  const recorded: string[] = []
  const events: EventRecorder = {
    event: (_, type, reason, message) => recorded.push(`${type} ${reason} ${message}`),
    flush: () => Promise.resolve(),
    dropped: 0,
  }
  const warnings = new RepeatedWarnings(15_000)
  const about = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }
  const run = (key: string, now: number, message: string) => {
    const filtered = warnings.filter(key, events, now)
    filtered.event(about, 'Warning', 'Failed', message)
    filtered.event(about, 'Normal', 'Rescaled', message)
    return recorded.splice(0)
  }
  expect(run('a', 0, 'x')).toEqual(['Warning Failed x', 'Normal Rescaled x'])
  expect(run('a', 5_000, 'x')).toEqual(['Normal Rescaled x'])
  expect(run('a', 6_000, 'y')).toEqual(['Warning Failed y', 'Normal Rescaled y'])
  expect(run('b', 6_000, 'x')).toEqual(['Warning Failed x', 'Normal Rescaled x'])
  expect(run('a', 15_000, 'x')).toEqual(['Warning Failed x', 'Normal Rescaled x'])
  warnings.forget('a')
  expect(run('a', 15_001, 'x')).toEqual(['Warning Failed x', 'Normal Rescaled x'])
})
