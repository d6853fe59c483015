/** One write as it goes to durable storage; `bytes` is absent for a removal. */
export interface Write {
  readonly key: string
  readonly revision: number
  readonly createRevision: number
  readonly bytes?: Buffer
}

/** What a medium gives back when it is opened. */
export interface Recovered {
  /** The revision of the last durable write, 0 in an empty medium. */
  readonly revision: number
  readonly writes: readonly Write[]
}

/**
 * Where writes become durable. The journal of `engine.ts` calls `commit` with one batch at a time, in revision order.
 */
export interface Medium {
  open(): Promise<Recovered>
  /**
   * Resolves when the whole batch is durable; rejects with a `StoreError` when none of it is. The revision of the medium becomes that of the last
   * write, or stays where it is if that is older: values can be written anew at the revision that they have.
   */
  commit(batch: readonly Write[]): Promise<void>
  /** Resolves when nothing of values that were replaced or removed can be found in the medium any more. */
  scrub(): Promise<void>
  close(): Promise<void>
}
