import { createLogPipeline } from '../../collector/logs/app.ts'
import { readLogConfiguration } from '../../collector/logs/read-configuration.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'

/** Collects logs by a configuration file until it is told to stop, and tells what that took. */
const [configuration = '', dataFolder = ''] = process.argv.slice(2)
const pipeline = createLogPipeline({
  configuration: readLogConfiguration(configuration),
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  nodeName: 'bench',
  dataFolder,
})
let residentBytes = 0
setInterval(() => (residentBytes = Math.max(residentBytes, process.memoryUsage.rss())), 50)
await pipeline.start()
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuSeconds: (user + system) / 1e6, residentBytes })
})
