import type { Medium, Recovered, Write } from './medium.ts'

/** How many values are written anew in one batch. */
const rewritesPerBatch = 500

/** What an opened value was. */
export interface Opened {
  readonly bytes: Buffer
  /** Whether `seal` would keep it in the same way: with the same key, or as it is. */
  readonly isCurrent: boolean
}

/** How values are kept from those who read the medium: which are encrypted, and with which key. */
export interface Sealing {
  /** What goes to the medium in place of `bytes`; the same where `key` is kept as it is. */
  seal(key: string, bytes: Buffer): Buffer
  /** Undoes `seal`. Throws a `StoreError` for what no key opens. */
  open(key: string, kept: Buffer): Opened
}

/**
 * `medium` with its values sealed: only what is in memory can be read. When it is opened, values that would be sealed otherwise today
 * (another key, or none yet) are written anew, and nothing of what they were stays behind.
 */
export function sealedMedium(medium: Medium, sealing: Sealing): Medium {
  const sealed = (write: Write): Write => (write.bytes === undefined ? write : { ...write, bytes: sealing.seal(write.key, write.bytes) })
  return {
    async open(): Promise<Recovered> {
      const { revision, writes } = await medium.open()
      try {
        const stale: Write[] = []
        const opened = writes.map((write) => {
          const { bytes, isCurrent } = sealing.open(write.key, write.bytes!)
          const plain = bytes === write.bytes ? write : { ...write, bytes }
          if (!isCurrent) stale.push(plain)
          return plain
        })
        for (let from = 0; from < stale.length; from += rewritesPerBatch)
          await medium.commit(stale.slice(from, from + rewritesPerBatch).map(sealed))
        if (stale.length > 0) await medium.scrub()
        return { revision, writes: opened }
      } catch (error) {
        await medium.close()
        throw error
      }
    },
    commit: (batch) => medium.commit(batch.map(sealed)),
    scrub: () => medium.scrub(),
    close: () => medium.close(),
  }
}
