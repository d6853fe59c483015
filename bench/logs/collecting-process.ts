import { createLogPipeline } from '../../collector/logs/app.ts'
import { readLogConfiguration } from '../../collector/logs/read-configuration.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'

/** What collecting took so far; memory at its largest. */
export interface CollectingUsage {
  readonly cpuSeconds: number
  readonly residentBytes: number
  /** Of the thread alone: its objects, and its buffers. */
  readonly heapBytes: number
  readonly bufferBytes: number
}

/** Collects logs by a configuration file; tells what that took whenever it is sent a message, and ends with its parent. */
const [configuration = '', dataFolder = ''] = process.argv.slice(2)
const pipeline = createLogPipeline({
  configuration: readLogConfiguration(configuration),
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  nodeName: 'bench',
  dataFolder,
})
const peak = { residentBytes: 0, heapBytes: 0, bufferBytes: 0 }
setInterval(() => (peak.residentBytes = Math.max(peak.residentBytes, process.memoryUsage.rss())), 50)
await pipeline.start()

async function look(): Promise<void> {
  const families = await pipeline.families()
  const valueOf = (name: string) => families.find((family) => family.name === name)?.samples[0]?.value ?? 0
  peak.heapBytes = Math.max(peak.heapBytes, valueOf('binnacle_log_thread_heap_bytes'))
  peak.bufferBytes = Math.max(peak.bufferBytes, valueOf('binnacle_log_thread_buffer_bytes'))
}
setInterval(() => void look(), 100)
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuSeconds: (user + system) / 1e6, ...peak } satisfies CollectingUsage)
})
process.on('disconnect', () => process.exit())
