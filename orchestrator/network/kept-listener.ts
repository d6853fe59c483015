import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'

/** Something that listens on an address. */
export interface Listener {
  readonly port: number
  /** Resolves when it no longer listens, by `close` or by an error. */
  readonly closed: Promise<void>
  close(): Promise<void>
}

export interface KeptListenerOptions {
  readonly name: string
  readonly address: string
  readonly clock: Clock
  readonly log: Log
  /** Whether this machine has the address now. */
  readonly hasAddress: (address: string) => boolean
  readonly open: () => Promise<Listener>
}

const pollMs = 1_000
const absentMs = 250
const firstRetryMs = 250
const maxRetryMs = 10_000

/**
 * Keeps listening on an address that comes and goes: the pods' bridge exists only once the node agent has made it, and Docker may
 * make it anew. Waits for the address, opens, closes when the address vanishes, opens again when it is back. Runs until `signal`
 * aborts, then closes.
 */
export async function keepListening(options: KeptListenerOptions, signal: AbortSignal): Promise<void> {
  const { name, address, clock, log, hasAddress, open } = options
  let retryMs = firstRetryMs
  let reported = ''
  while (!signal.aborted) {
    if (!hasAddress(address)) {
      await clock.sleep(absentMs, signal)
      continue
    }
    try {
      const listener = await open()
      log.info({ address, port: listener.port }, `${name} listens`)
      retryMs = firstRetryMs
      reported = ''
      await watchOver(listener, options, signal)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      if (code !== reported) log.warn({ err: error, address }, `${name} cannot listen yet`)
      reported = code
      await clock.sleep(retryMs, signal)
      retryMs = Math.min(retryMs * 2, maxRetryMs)
    }
  }
}

async function watchOver(
  listener: Listener,
  { name, address, clock, log, hasAddress }: KeptListenerOptions,
  signal: AbortSignal,
): Promise<void> {
  let isClosed = false
  const closed = listener.closed.then(() => {
    isClosed = true
  })
  while (!signal.aborted && !isClosed && hasAddress(address)) await Promise.race([clock.sleep(pollMs, signal), closed])
  await listener.close()
  if (!signal.aborted) log.info({ address }, `${name} no longer listens: ${isClosed ? 'its socket failed' : 'the address is gone'}`)
}
