import { systemClock } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import { DocumentReader } from '../../../lib/document.ts'
import { silentLog } from '../../../lib/log.ts'
import { systemRandom } from '../../../lib/random.ts'
import type { LogSender } from './sink.ts'
import { createSender, readLogSinks } from './sinks.ts'

/** A sender of a configuration's text, such as `type: file, path: /tmp/x`, that went to another thread as in the real thing. For tests. */
export function createTestSender(options: string, dataFolder: string, clock: Clock = systemClock): LogSender {
  const reader = new DocumentReader('logs.yaml', `[{${options}}]`)
  const [settings] = readLogSinks(reader, reader.root)
  reader.finish()
  return createSender(structuredClone(settings!), { clock, random: systemRandom, log: silentLog, nodeName: 'n1', dataFolder })
}
