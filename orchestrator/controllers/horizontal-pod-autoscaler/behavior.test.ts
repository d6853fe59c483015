import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalize, remember, scaleDownLimit, scaleUpLimit } from './behavior.plan.ts'
import type { NormalizeInput, ScalingHistory } from './behavior.plan.ts'

const now = 10_000_000
const ago = (seconds: number, count: number) => ({ at: now - seconds * 1000, count })
const empty: ScalingHistory = { recommendations: [], added: [], removed: [] }

const input = (more: Partial<NormalizeInput>): NormalizeInput => ({
  history: empty,
  currentReplicas: 5,
  desiredReplicas: 5,
  minReplicas: 1,
  maxReplicas: 20,
  downscaleStabilizationMs: 300_000,
  now,
  ...more,
})

describe('without behavior', () => {
  test.each<{ name: string; more: Partial<NormalizeInput>; replicas: number; able: string; limited: string }>([
    {
      name: 'a proposal in range is taken',
      more: { desiredReplicas: 7 },
      replicas: 7,
      able: 'ReadyForNewScale',
      limited: 'DesiredWithinRange',
    },
    { name: 'up to double in one step', more: { desiredReplicas: 15 }, replicas: 10, able: 'ReadyForNewScale', limited: 'ScaleUpLimit' },
    {
      name: 'or up to 4',
      more: { currentReplicas: 1, desiredReplicas: 9 },
      replicas: 4,
      able: 'ReadyForNewScale',
      limited: 'ScaleUpLimit',
    },
    {
      name: 'not above the maximum',
      more: { desiredReplicas: 15, maxReplicas: 8 },
      replicas: 8,
      able: 'ReadyForNewScale',
      limited: 'TooManyReplicas',
    },
    {
      name: 'not below the minimum',
      more: { desiredReplicas: 1, minReplicas: 3 },
      replicas: 3,
      able: 'ReadyForNewScale',
      limited: 'TooFewReplicas',
    },
    {
      name: 'down to the highest of the last 300 s',
      more: { desiredReplicas: 1, history: { ...empty, recommendations: [ago(301, 9), ago(299, 4), ago(10, 2)] } },
      replicas: 4,
      able: 'ScaleDownStabilized',
      limited: 'DesiredWithinRange',
    },
  ])('$name', ({ more, replicas, able, limited }) => {
    const result = normalize(input(more))
    expect([result.replicas, result.ableToScale.reason, result.scalingLimited.reason]).toEqual([replicas, able, limited])
  })
})

describe('with behavior', () => {
  test.each<{ name: string; more: Partial<NormalizeInput>; replicas: number; able: string; limited: string }>([
    {
      name: 'goes up by 4 pods or 100 % in 15 s',
      more: { behavior: {}, desiredReplicas: 20 },
      replicas: 10,
      able: 'ReadyForNewScale',
      limited: 'ScaleUpLimit',
    },
    {
      name: 'down all the way',
      more: { behavior: {}, desiredReplicas: 1 },
      replicas: 1,
      able: 'ReadyForNewScale',
      limited: 'DesiredWithinRange',
    },
    {
      name: 'but not while a recent recommendation was higher',
      more: { behavior: {}, desiredReplicas: 1, history: { ...empty, recommendations: [ago(200, 5)] } },
      replicas: 5,
      able: 'ScaleDownStabilized',
      limited: 'DesiredWithinRange',
    },
    {
      name: 'a window for going up takes the lowest of it',
      more: {
        behavior: { scaleUp: { stabilizationWindowSeconds: 60 } },
        desiredReplicas: 9,
        history: { ...empty, recommendations: [ago(30, 6)] },
      },
      replicas: 6,
      able: 'ScaleUpStabilized',
      limited: 'DesiredWithinRange',
    },
    {
      name: 'a window of 0 for going down waits for nothing',
      more: {
        behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
        desiredReplicas: 2,
        history: { ...empty, recommendations: [ago(1, 5)] },
      },
      replicas: 2,
      able: 'ReadyForNewScale',
      limited: 'DesiredWithinRange',
    },
    {
      name: 'Disabled holds',
      more: { behavior: { scaleDown: { selectPolicy: 'Disabled' } }, desiredReplicas: 2 },
      replicas: 5,
      able: 'ReadyForNewScale',
      limited: 'ScaleDownLimit',
    },
    {
      name: 'the maximum bounds',
      more: { behavior: {}, desiredReplicas: 9, maxReplicas: 7 },
      replicas: 7,
      able: 'ReadyForNewScale',
      limited: 'TooManyReplicas',
    },
    {
      name: 'the minimum bounds',
      more: { behavior: {}, desiredReplicas: 1, minReplicas: 3 },
      replicas: 3,
      able: 'ReadyForNewScale',
      limited: 'TooFewReplicas',
    },
  ])('$name', ({ more, replicas, able, limited }) => {
    const result = normalize(input(more))
    expect([result.replicas, result.ableToScale.reason, result.scalingLimited.reason]).toEqual([replicas, able, limited])
  })

  const pods = { type: 'Pods', value: 3, periodSeconds: 60 }
  const percent = { type: 'Percent', value: 50, periodSeconds: 60 }
  test.each([
    { policy: 'Pods', rules: { policies: [pods] }, up: 13, down: 7 },
    { policy: 'Percent', rules: { policies: [percent] }, up: 15, down: 5 },
    { policy: 'the most change', rules: { policies: [pods, percent], selectPolicy: 'Max' }, up: 15, down: 5 },
    { policy: 'the least change', rules: { policies: [pods, percent], selectPolicy: 'Min' }, up: 13, down: 7 },
    { policy: 'none', rules: { policies: [pods], selectPolicy: 'Disabled' }, up: 10, down: 10 },
  ])('$policy: from 10 up to $up and down to $down', ({ rules, up, down }) => {
    expect([
      scaleUpLimit({ history: empty, currentReplicas: 10, now }, rules),
      scaleDownLimit({ history: empty, currentReplicas: 10, now }, rules),
    ]).toEqual([up, down])
  })

  test('what was done in the period counts, what was done before does not', () => {
    const history = { ...empty, added: [ago(61, 5), ago(30, 2)], removed: [ago(10, 1)] }
    expect(scaleUpLimit({ history, currentReplicas: 10, now }, { policies: [pods] })).toBe(12)
    expect(scaleDownLimit({ history, currentReplicas: 10, now }, { policies: [pods] })).toBe(6)
  })
})

test('for any input the result is between minimum and maximum, and never on the wrong side of the current size', () => {
  const count = fc.integer({ min: 1, max: 50 })
  const rules = fc.option(
    fc.record({
      stabilizationWindowSeconds: fc.integer({ min: 0, max: 3600 }),
      selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'),
      policies: fc.array(
        fc.record({
          type: fc.constantFrom('Pods', 'Percent'),
          value: fc.integer({ min: 1, max: 200 }),
          periodSeconds: fc.integer({ min: 1, max: 1800 }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    { nil: undefined },
  )
  const events = fc.array(fc.record({ at: fc.integer({ min: now - 4_000_000, max: now }), count }), { maxLength: 10 })
  fc.assert(
    fc.property(
      count,
      count,
      fc.record({ recommendations: events, added: events, removed: events }),
      rules,
      rules,
      (current, desired, history, scaleUp, scaleDown) => {
        const behavior = { ...(scaleUp === undefined ? {} : { scaleUp }), ...(scaleDown === undefined ? {} : { scaleDown }) }
        const { replicas } = normalize(input({ currentReplicas: current, desiredReplicas: desired, history, behavior, maxReplicas: 50 }))
        expect(replicas).toBeGreaterThanOrEqual(1)
        expect(replicas).toBeLessThanOrEqual(50)
        if (desired > current) expect(replicas).toBeGreaterThanOrEqual(current)
        if (desired < current) expect(replicas).toBeLessThanOrEqual(current)
      },
    ),
  )
})

test('a long run of equal recommendations is kept as two', () => {
  let history = empty
  for (let second = 0; second < 600; second++)
    history = remember(history, now + second * 1000, { recommendation: 3, downscaleStabilizationMs: 300_000 })
  expect(history.recommendations).toEqual([
    { at: now, count: 3 },
    { at: now + 599_000, count: 3 },
  ])
})
