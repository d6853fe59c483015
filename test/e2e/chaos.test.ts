import { expect, it } from 'vitest'
import { causeChaos } from '../support/chaos.ts'

it('whatever is killed, everything becomes as declared, and nothing is counted twice or left behind', { timeout: 400_000 }, async () => {
  const report = await causeChaos({ minutes: 0.5, seed: 7, networkIndex: 136 })
  expect(report.wrong).toEqual([])
  expect(Object.keys(report.kills).length).toBeGreaterThan(2)
  expect(report.jobsCompleted).toBeGreaterThan(0)
})
