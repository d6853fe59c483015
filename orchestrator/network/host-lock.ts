import { createServer } from 'node:net'
import type { Clock } from '../../lib/clock.ts'

export interface HostLockOptions {
  /** The lock's name: letters, digits and dashes. */
  readonly name: string
  readonly clock: Clock
}

const retryMs = 2_000

/**
 * Waits until no other process of this host (more exactly: of this network namespace) holds the lock, then takes it: several
 * nodes can live on one host, and the table, the DNS and the routes are the host's. Resolves with the release, or with `undefined`
 * when `signal` aborts first. The kernel frees the lock of a process that dies.
 */
export async function takeHostLock({ name, clock }: HostLockOptions, signal: AbortSignal): Promise<(() => Promise<void>) | undefined> {
  while (!signal.aborted) {
    const release = await tryLock(name)
    if (release !== undefined) return release
    await clock.sleep(retryMs, signal)
  }
  return undefined
}

function tryLock(name: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => {}).destroy())
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    // A leading NUL makes a name in the kernel's abstract space: no file to be left behind.
    server.listen({ path: `\0${name}` }, () => {
      server.unref()
      resolve(() => new Promise((released) => server.close(() => released())))
    })
  })
}
