import type { Spool, SpoolRecord, SpoolStats } from '../../../lib/delivery/spool.ts'
import type { LogBatch } from '../log-batch.ts'
import { BatchDecoder, encodeBatches } from './batch-codec.ts'

/** A record as it was handed out: it stays on disk until it is acknowledged. */
export interface StoredBatches {
  readonly batches: readonly LogBatch[]
  /** When the oldest of them came, ms. */
  readonly since: number
  readonly record: SpoolRecord
}

/** Lines on disk, first in, first out, counted exactly. */
export class BatchSpool {
  readonly #spool: Spool
  readonly #decoder = new BatchDecoder()
  #appended = 0
  #restored = 0
  #handedOut = 0
  #undecodable = 0
  #beforeLoss = async () => {}
  /** Lines were given up of which the saved account may not know. */
  #hasUnsavedLoss = false
  #savingLoss: Promise<void> = Promise.resolve()
  readonly #leaving = new Set<Promise<void>>()

  constructor(spool: Spool) {
    this.#spool = spool
  }

  /** Rejects when the folder cannot be used. `beforeLoss` is awaited before lines that are here are given up. */
  async open(beforeLoss: () => Promise<void>): Promise<void> {
    this.#beforeLoss = beforeLoss
    await this.#spool.open(beforeLoss)
    this.#restored = this.#spool.stats().items
  }

  /** Lines that were there at the start. */
  get restored(): number {
    return this.#restored
  }

  /** Lines that wait here and nowhere else. */
  get lines(): number {
    const { droppedItems, unreadableItems } = this.#spool.stats()
    return this.#restored + this.#appended - this.#handedOut - droppedItems - unreadableItems
  }

  get isEmpty(): boolean {
    return this.#spool.isEmpty
  }

  stats(): SpoolStats {
    return this.#spool.stats()
  }

  /** Lines that were on disk and are lost, by reason. */
  get lost(): Readonly<Record<string, number>> {
    const { droppedItems, unreadableItems } = this.#spool.stats()
    const unreadable = unreadableItems + this.#undecodable
    return {
      ...(droppedItems > 0 ? { 'spool-full': droppedItems } : {}),
      ...(unreadable > 0 ? { 'spool-unreadable': unreadable } : {}),
    }
  }

  /** Resolves when the batches are on disk, with `false` where the disk does not take them. `since`: when the oldest of them came. */
  async append(batches: readonly LogBatch[], since: number): Promise<boolean> {
    const lines = countLines(batches)
    const record = await this.#spool.append({ body: encodeBatches(batches, since), items: lines })
    if (record === undefined) return false
    this.#appended += lines
    return true
  }

  /** As `append`, but the record is the caller's, on disk too while it is on its way. */
  appendLeased(batches: readonly LogBatch[], since: number): Promise<SpoolRecord | undefined> {
    return this.#spool.append({ body: encodeBatches(batches, since), items: countLines(batches) }, true)
  }

  /** So many lines that were handed out will not be acknowledged: they are here for the next start. */
  takeBack(lines: number): void {
    this.#handedOut -= lines
  }

  /** The oldest there is. */
  async lease(): Promise<StoredBatches | undefined> {
    for (;;) {
      const record = await this.#spool.lease()
      if (record === undefined) return undefined
      this.#handedOut += record.items
      try {
        return { ...this.#decoder.decode(record.body), record }
      } catch {
        // Written by another version, say: nothing of it can be known.
        this.#undecodable += record.items
        this.noteLoss()
        await this.acknowledge(record)
      }
    }
  }

  /** Lines that were handed out have been counted as given up. */
  noteLoss(): void {
    this.#hasUnsavedLoss = true
  }

  /** Removes a record when what was noted as lost is in the saved account. */
  acknowledge(record: SpoolRecord): Promise<void> {
    const leaving = this.#letGo(record).finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
    return leaving
  }

  async close(): Promise<void> {
    await Promise.all(this.#leaving)
    await this.#spool.close()
  }

  async #letGo(record: SpoolRecord): Promise<void> {
    if (this.#hasUnsavedLoss) {
      this.#hasUnsavedLoss = false
      this.#savingLoss = this.#beforeLoss()
    }
    await this.#savingLoss
    await this.#spool.acknowledge(record)
  }
}

function countLines(batches: readonly LogBatch[]): number {
  return batches.reduce((sum, { count }) => sum + count, 0)
}
