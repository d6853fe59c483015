import type { LeaseRecord, LeaseStore } from './lease.ts'

/** A lease in memory, that each server can be cut off from. */
export class FakeLeases {
  record: LeaseRecord | undefined
  readonly #away = new Set<string>()
  #version = 0

  /** The store as one server sees it. */
  for(name: string): LeaseStore {
    const check = () => {
      if (this.#away.has(name)) throw new Error('the lease cannot be reached')
    }
    return {
      read: async () => {
        check()
        return this.record
      },
      write: async (known, next) => {
        check()
        if (known?.version !== this.record?.version) return undefined
        const version = String(++this.#version)
        this.record = { ...next, version, renewTime: version }
        return this.record
      },
    }
  }

  cutOff(name: string): void {
    this.#away.add(name)
  }

  restore(name: string): void {
    this.#away.delete(name)
  }
}
