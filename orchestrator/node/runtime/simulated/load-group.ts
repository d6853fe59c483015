import { steady, type LoadCurve } from './load-curve.ts'

/**
 * Containers that share one load, as replicas behind a service do: what the curve says, at any moment in equal parts over those that run.
 * Its time begins with the first of them and ends with the last.
 */
class LoadGroup {
  readonly #used = new Map<string, number>()
  #curve: LoadCurve = steady(0)
  #sinceMs = 0
  #settledMs = 0

  get isEmpty(): boolean {
    return this.#used.size === 0
  }

  join(id: string, curve: LoadCurve, nowMs: number): void {
    if (this.isEmpty) {
      this.#sinceMs = nowMs
      this.#settledMs = nowMs
      this.#curve = curve
    }
    this.#settle(nowMs)
    this.#used.set(id, 0)
  }

  leave(id: string, nowMs: number): void {
    this.#settle(nowMs)
    this.#used.delete(id)
  }

  usedBy(id: string, nowMs: number): number {
    this.#settle(nowMs)
    return this.#used.get(id) ?? 0
  }

  #settle(nowMs: number): void {
    if (nowMs <= this.#settledMs) return
    const total = this.#curve.integral(nowMs - this.#sinceMs) - this.#curve.integral(this.#settledMs - this.#sinceMs)
    for (const [id, used] of this.#used) this.#used.set(id, used + total / this.#used.size)
    this.#settledMs = nowMs
  }
}

/** The groups of all simulated nodes of a process. */
export class LoadGroups {
  readonly #groups = new Map<string, LoadGroup>()

  /** A container begins to take its part. The curve of the first that joins is the group's. */
  join(group: string, id: string, curve: LoadCurve, nowMs: number): void {
    const known = this.#groups.get(group) ?? new LoadGroup()
    this.#groups.set(group, known)
    known.join(id, curve, nowMs)
  }

  leave(group: string, id: string, nowMs: number): void {
    const known = this.#groups.get(group)
    known?.leave(id, nowMs)
    if (known?.isEmpty === true) this.#groups.delete(group)
  }

  /** Value × milliseconds that a container has used since it joined. */
  usedBy(group: string, id: string, nowMs: number): number {
    return this.#groups.get(group)?.usedBy(id, nowMs) ?? 0
  }
}
