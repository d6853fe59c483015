import type { InfluxDB } from 'influx'
import { expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { runStatement } from './database.ts'

it('an InfluxDB that the driver has given up for a moment is said to be unreachable', async () => {
  const driver = { queryRaw: () => Promise.reject(new Error('No host available')) } as Partial<InfluxDB> as InfluxDB
  const asked = runStatement(driver, 'SHOW DATABASES', { clock: new FakeClock() })
  await expect(asked).rejects.toThrow('InfluxDB cannot be asked: the server could not be reached a moment ago')
})
