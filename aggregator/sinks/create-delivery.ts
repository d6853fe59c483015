import { join } from 'node:path'
import { createDeadLetters } from '../../lib/delivery/dead-letters.ts'
import { Delivery } from './delivery.ts'
import type { DeliveryOptions } from './delivery.ts'
import type { SinkContext } from './sink.ts'
import { Spool } from '../../lib/delivery/spool.ts'

const defaultSpoolBytes = 512 << 20
/** Of the file of refused points; there is one older. */
const deadLetterBytes = 8 << 20

/** The delivery of a sink with spool and dead letters in a folder of its own, where the context has one for all. */
export function createDelivery(
  name: string,
  context: SinkContext,
  parts: Pick<DeliveryOptions, 'destination' | 'encoder' | 'compress' | 'concurrency' | 'onRecovered'>,
): Delivery {
  const { clock, random, spoolDir, spoolMaxBytes = defaultSpoolBytes } = context
  const log = context.log.child({ sink: name })
  const dir = spoolDir === undefined ? undefined : join(spoolDir, name)
  return new Delivery({
    ...parts,
    spool: dir === undefined ? undefined : new Spool({ dir, maxBytes: spoolMaxBytes, now: () => clock.now() }),
    deadLetters: dir === undefined ? undefined : createDeadLetters({ dir, maxBytes: deadLetterBytes, clock }),
    clock,
    random,
    log,
  })
}
