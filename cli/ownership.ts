import { createServer } from 'node:net'
import type { DataFolder } from './data-folder.ts'

/** The right to run or to take down what belongs to a data folder. */
export interface Ownership {
  release(): void
}

/**
 * Makes this process the only owner of a data folder, or resolves with `undefined` while another process is. The kernel gives it back when the
 * process ends, however it ends: a socket without a file is held, and two processes cannot hold the same name.
 */
export function takeOwnership(folder: DataFolder): Promise<Ownership | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createServer((connection) => connection.destroy())
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    socket.listen(`\0binnacle-${folder.clusterId}`, () => resolve({ release: () => socket.close() }))
    socket.unref()
  })
}
