import { setTimeout as sleep } from 'node:timers/promises'
import type { Sink } from '../../aggregator/sinks/sink.ts'

const lingerMs = 500
const patienceMs = 60_000

/** Resolves when everything that a sink was given has gone its way; `stop` alone gives a busy machine three seconds. */
export async function drained(sink: Sink): Promise<void> {
  await sleep(lingerMs)
  for (let waitedMs = 0; waitedMs < patienceMs && sink.stats().waiting > 0; waitedMs += 100) await sleep(100)
}
