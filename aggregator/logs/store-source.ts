import { openLogStore } from '../../collector/logs/store/store.ts'
import type { LogOrigin } from '../../collector/logs/log-batch.ts'
import { parsePlace } from '../../collector/logs/store/log-archive.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { LogSource } from './log-source.ts'

/** A store in a folder of this machine, whoever writes it, as a source of lines of one kind. */
export function createStoreSource(options: {
  readonly kind: LogOrigin['kind']
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
}): LogSource & { close(): void } {
  const { kind } = options
  const store = openLogStore(options)
  return {
    name: kind,
    mayAnswer: ({ filter }) => filter.kinds?.includes(kind) ?? false,
    open: (query, from, signal) => {
      const place = from === undefined ? undefined : parsePlace(from)
      return store.query({ ...query, from: place, tail: place === undefined ? query.tail : undefined }, signal)
    },
    close: () => store.close(),
  }
}
