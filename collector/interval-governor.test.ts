import { expect, test } from 'vitest'
import { IntervalGovernor } from './interval-governor.ts'
import type { CostBudget, IntervalState } from './interval-governor.ts'

function setUp(budget: CostBudget = {}) {
  const told: IntervalState[] = []
  const governor = new IntervalGovernor(1000, budget, (state) => told.push(state))
  let elapsedMs = 0
  const passes = (count: number, passMs: number) => {
    for (let index = 0; index < count; index++) governor.note(passMs, (elapsedMs += governor.intervalMs))
  }
  return { governor, told, passes }
}

test('passes within the budget leave the interval alone, a single slow one too', () => {
  const { governor, told, passes } = setUp()
  passes(9, 5)
  passes(1, 2000)
  passes(20, 200)
  expect([governor.intervalMs, told.length]).toEqual([1000, 0])
})

test('passes that take too long stretch the interval in steps, and it goes back in steps; each is told once', () => {
  const { governor, told, passes } = setUp()
  passes(10, 300)
  expect(governor.intervalMs).toBe(2000)
  passes(10, 600)
  expect(governor.intervalMs).toBe(5000)
  passes(10, 1300)
  passes(30, 9000)
  expect(governor.intervalMs).toBe(10_000)
  expect(governor.stretches).toBe(3)
  expect(told.map(({ factor }) => factor)).toEqual([2, 5, 10])
  expect(told[0]?.reason).toBe('passes took 30 % of the interval, 25 % are allowed')
  passes(60, 10)
  expect(governor.intervalMs).toBe(1000)
  expect(told.map(({ factor }) => factor)).toEqual([2, 5, 10, 5, 2, 1])
  expect(governor.state.reason).toBeUndefined()
})

test('it does not go back to an interval that would be too short again', () => {
  const { governor, told, passes } = setUp()
  passes(10, 300)
  passes(200, 300)
  expect([governor.intervalMs, told.length]).toEqual([2000, 1])
})

test('CPU of the process counts where a budget for it is set', () => {
  let cpu = 0
  const { governor, told, passes } = setUp({ maxCpuCores: 0.1, cpuSeconds: () => (cpu += 1.8) })
  passes(10, 1)
  expect(governor.intervalMs).toBe(2000)
  expect(told[0]?.reason).toContain('0.1 are allowed')
})
