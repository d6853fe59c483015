import { expect, it } from 'vitest'
import { soak } from '../support/soak.ts'

const minutes = 0.8
/** What a process may grow by while its code warms up; a leak of 100 kB per container would be more. */
const growthMb = 80

it(
  'a hundred containers that start and stop per minute leave every process alive and its memory within bounds',
  { timeout: 240_000 },
  async () => {
    const { processes, containersStarted, containersStopped } = await soak({ minutes, containersPerMinute: 100, networkIndex: 37 })
    expect(containersStarted).toBeGreaterThan(60)
    expect(containersStopped).toBeGreaterThan(40)
    expect(processes.map(({ name }) => name)).toEqual(expect.arrayContaining(['server', 'monitor', 'node-0']))
    for (const { name, restarts, earlyMb, lateMb } of processes) {
      expect(restarts, name).toBe(0)
      expect(lateMb - earlyMb, name).toBeLessThan(growthMb)
    }
  },
)
