import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../lib/clock.ts'

/** What the process used. */
export interface RuntimeReading {
  /** CPU in use since the reading before, thousandths of a core. */
  readonly cpuMillicores: number
  readonly rssBytes: number
  readonly heapUsedBytes: number
  /** How long the event loop was kept waiting since the reading before, ms. */
  readonly loopDelayMs: { readonly mean: number; readonly p99: number; readonly max: number }
}

/** Reads what this process uses. `stop` ends the timer that measures the event loop. */
export interface RuntimeProbe {
  read(): RuntimeReading
  stop(): void
}

/** How often the event loop is looked at; finer costs an idle process more than the rest of it. */
const loopSampleMs = 100

/** The probe of this process. */
export function createRuntimeProbe(clock: Clock): RuntimeProbe {
  const histogram = monitorEventLoopDelay({ resolution: loopSampleMs })
  histogram.enable()
  let readAt = clock.monotonic()
  let cpu = process.cpuUsage()
  // The histogram holds the time between two looks, of which one resolution is as planned.
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - loopSampleMs)
  return {
    read() {
      const { user, system } = process.cpuUsage(cpu)
      const elapsedMs = clock.monotonic() - readAt
      readAt = clock.monotonic()
      cpu = process.cpuUsage()
      const { rss, heapUsed } = process.memoryUsage()
      const hasLooked = histogram.count > 0
      const loopDelayMs = {
        mean: hasLooked ? delay(histogram.mean) : 0,
        p99: hasLooked ? delay(histogram.percentile(99)) : 0,
        max: hasLooked ? delay(histogram.max) : 0,
      }
      histogram.reset()
      return { cpuMillicores: elapsedMs > 0 ? (user + system) / elapsedMs : 0, rssBytes: rss, heapUsedBytes: heapUsed, loopDelayMs }
    },
    stop: () => void histogram.disable(),
  }
}
