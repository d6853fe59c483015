import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { systemRandom } from '../../../lib/random.ts'
import { fakeBatch } from '../../../collector/logs/sinks/fake-batches.ts'
import { createLogSink } from '../../../collector/logs/sinks/sinks.ts'
import type { LogSinkSettings } from '../../../collector/logs/sinks/sinks.ts'

/**
 * Hands lines of four files to a sink, from where its third argument says, and prints `file position` for each batch that the sink has called safe. To
 * be killed. Arguments: the sink's settings as JSON, the data folder, where each file begins as JSON.
 */
const [settings, dataFolder, positions] = process.argv
  .slice(2)
  .map((text, index) => (index === 1 ? text : (JSON.parse(text) as unknown))) as [LogSinkSettings, string, number[]]
const sink = createLogSink(settings, { clock: systemClock, random: systemRandom, log: silentLog, nodeName: 'n1', dataFolder })
await sink.start()
const { signal } = new AbortController()

async function feed(file: number): Promise<void> {
  for (let position = positions[file]!; ;) {
    await sink.room(signal)
    const texts = Array.from({ length: 10 }, (_, index) => `${file} ${String(position / 20 + index).padStart(17, '0')}`)
    const batch = fakeBatch(texts, { file: `file-${file}`, from: position })
    position = batch.nextPosition
    const next = position
    void sink.deliver(batch, signal).then(() => process.stdout.write(`${file} ${next}\n`))
    await systemClock.sleep(1)
  }
}
await Promise.all([0, 1, 2, 3].map(feed))
