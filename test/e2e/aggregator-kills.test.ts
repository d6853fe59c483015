import { describe, expect, it } from 'vitest'
import { runInfluxChaos } from './influx-chaos.ts'

describe('points on their way to an InfluxDB that is killed again and again', () => {
  it('are all there, each once, and accounted for', async () => {
    const { given, stored, sum, expectedSum, kills, freezes, stats } = await runInfluxChaos(30)
    expect(kills + freezes).toBeGreaterThan(2)
    expect({ stored, sum }).toEqual({ stored: given, sum: expectedSum })
    expect(stats).toMatchObject({ accepted: given, delivered: given, waiting: 0, lost: {} })
  })
})
