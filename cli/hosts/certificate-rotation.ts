import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { KeyPair } from '../../lib/pki.ts'
import type { Random } from '../../lib/random.ts'
import { createBackoff } from '../../lib/retry.ts'
import { rotationTimeOf } from './node-certificate-time.ts'

/** Looked at least this often: a timer cannot wait for months. */
const checkMs = 3_600_000
const firstRetryMs = 30_000
const lastRetryMs = 900_000

/** The certificates of a node. */
export interface NodePairs {
  readonly client: KeyPair
  readonly serving: KeyPair
}

export interface CertificateRotationOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Has those certificates replaced that are due. Rejects where it cannot. */
  readonly renew: () => Promise<void>
  /** Reads what is there now. */
  readonly read: () => NodePairs
  /** Called with certificates that are not those in use. */
  readonly use: (pairs: NodePairs) => void
}

export interface CertificateRotation {
  /** Works until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** Replaces the certificates of a node while it runs, when four fifths of their life are over; tries again until it has new ones. */
export function createCertificateRotation(options: CertificateRotationOptions): CertificateRotation {
  const { clock, random, log, renew, read, use } = options
  return {
    async run(signal) {
      const backoff = createBackoff({ initialMs: firstRetryMs, maxMs: lastRetryMs, random })
      let used = read()
      while (!signal.aborted) {
        const dueMs = Math.min(rotationTimeOf(used.client.cert), rotationTimeOf(used.serving.cert)) - clock.now()
        if (dueMs > 0) {
          await clock.sleep(Math.min(dueMs, checkMs), signal)
          continue
        }
        try {
          await renew()
        } catch (error) {
          log.warn({ err: error }, 'the certificates of the node could not be replaced, will be tried again')
        }
        const present = read()
        if (present.client.cert === used.client.cert && present.serving.cert === used.serving.cert) {
          await clock.sleep(backoff.next(), signal)
          continue
        }
        backoff.reset()
        use(present)
        used = present
        log.info({}, 'the node has new certificates')
      }
    },
  }
}
