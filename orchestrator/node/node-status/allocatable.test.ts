import { expect, test } from 'vitest'
import { parseThresholds } from '../eviction/thresholds.ts'
import { allocatableOf, parseReservation } from './allocatable.plan.ts'

const capacity = { cpu: '4', memory: '8388608Ki', 'ephemeral-storage': '1000Ki', pods: '110', 'hugepages-2Mi': '0' }

test.each([
  ['everything where nothing is reserved', [], '', capacity],
  [
    'what is left by reservations',
    ['cpu=500m,memory=1Gi', 'cpu=250m,ephemeral-storage=100Ki'],
    '',
    { ...capacity, cpu: '3250m', memory: '7340032Ki', 'ephemeral-storage': '921600' },
  ],
  [
    'less what hard eviction keeps free',
    [],
    'memory.available<1Gi,nodefs.available<10%,pid.available<100',
    { ...capacity, memory: '7340032Ki', 'ephemeral-storage': '921600' },
  ],
  ['never less than nothing', ['cpu=8,memory=9Gi'], '', { ...capacity, cpu: '0m', memory: '0Ki' }],
])('pods get %s', (_, reservations, thresholds, expected) => {
  expect(allocatableOf(capacity, reservations.map(parseReservation), parseThresholds(thresholds))).toEqual(expected)
})

test('huge pages are no memory', () => {
  const allocatable = allocatableOf({ ...capacity, 'hugepages-2Mi': '1Gi' }, [], [])
  expect(allocatable).toMatchObject({ memory: '7340032Ki', 'hugepages-2Mi': '1Gi' })
})

test.each(['disk=1Gi', 'cpu', 'cpu=x', 'memory=-1', 'cpu=1=2'])('"%s" is no reservation', (text) => {
  expect(() => parseReservation(text)).toThrow(RangeError)
})
