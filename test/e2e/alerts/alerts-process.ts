import { createAlerts } from '../../../alerts/app.ts'
import { FakeWindow } from '../../../aggregator/fake-window.ts'
import { systemClock } from '../../../lib/clock.ts'
import { createLog } from '../../../lib/log.ts'
import { systemRandom } from '../../../lib/random.ts'

/** Alerts in a process of their own, for tests that kill it: data folder and configuration file as arguments, the address on standard output. */
const [dataDir, configFile] = process.argv.slice(2)
if (dataDir === undefined || configFile === undefined) throw new Error('usage: alerts-process.ts DATA-FOLDER CONFIGURATION')

const alerts = createAlerts({
  window: new FakeWindow(),
  clock: systemClock,
  random: systemRandom,
  log: createLog({ level: 'error', component: 'alerts' }),
  dataDir,
  rulesFiles: [],
  configFile,
  http: { host: '127.0.0.1', port: 0 },
  externalUrl: 'http://127.0.0.1:9093',
})
await alerts.start()
process.stdout.write(`${alerts.address}\n`)
process.once('SIGTERM', () => void alerts.stop())
