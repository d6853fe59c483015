/** Whether the volumes of a pod have been made, and when that is to be done again. */
export class PodVolumes {
  #isReady: boolean
  #refreshAtMs: number | undefined

  constructor(isReady: boolean) {
    this.#isReady = isReady
  }

  /** This agent has made every one of them at least once. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** The moment at which they are to be made again, if any. */
  get refreshAtMs(): number | undefined {
    return this.#refreshAtMs
  }

  isDue(nowMs: number): boolean {
    return this.#isReady && this.#refreshAtMs !== undefined && nowMs >= this.#refreshAtMs
  }

  /** What they are made from may have changed. */
  refreshSoon(): void {
    this.#refreshAtMs = 0
  }

  /** Makes them. A change meanwhile is not lost: they are due again at its end, as they are after a failure. */
  async prepare(make: () => Promise<{ readonly refreshAtMs?: number }>): Promise<void> {
    this.#refreshAtMs = undefined
    try {
      const { refreshAtMs } = await make()
      const dueMs = Math.min(this.#refreshAtMs ?? Infinity, refreshAtMs ?? Infinity)
      this.#refreshAtMs = dueMs === Infinity ? undefined : dueMs
      this.#isReady = true
    } catch (error) {
      this.#refreshAtMs = 0
      throw error
    }
  }
}
