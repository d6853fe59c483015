import type { Clock } from '../../lib/clock.ts'
import type { ConditionWatch } from '../events/conditions.ts'
import type { SelfFigure } from '../source.ts'
import type { StatsStore } from '../stats-store.ts'
import { ContainerHistory } from './container-history.ts'

export interface HistoryOptions {
  readonly clock: Clock
  readonly store: StatsStore
  /** Bytes that all histories together may take; beyond, the largest lose what is older than an hour, then all. */
  readonly maxBytes: number
  /** Looks at each container after its samples were taken in, and turns what it finds into events. */
  readonly conditions: ConditionWatch
  /** How often samples are taken in, 1 s by default; none is left out as long as the store still has it. */
  readonly intervalMs?: number
}

/** A day of every container's figures, filled from the store's samples. */
export class History {
  /** Times that a container lost a part of its history because of the cap. */
  evictions = 0
  readonly #options: HistoryOptions
  readonly #byName = new Map<string, ContainerHistory>()
  #bytes = 0

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  /** Bytes of all histories at the last pass; an eviction is counted in at once. */
  get bytes(): number {
    return this.#bytes
  }

  /** The history of a container of the store. */
  of(name: string): ContainerHistory | undefined {
    return this.#byName.get(name)
  }

  /** Takes samples in until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, conditions, intervalMs = 1000 } = this.#options
    conditions.start()
    while (!signal.aborted) {
      this.pass()
      await clock.sleep(intervalMs, signal)
    }
    conditions.stop()
  }

  /** Takes in what is in the store and was not there before. */
  pass(): void {
    const { store, conditions } = this.#options
    let bytes = 0
    for (const container of store.all()) {
      const { name } = container.description
      let history = this.#byName.get(name)
      if (history === undefined) {
        history = new ContainerHistory()
        this.#byName.set(name, history)
      }
      history.record(container)
      bytes += history.bytes
      conditions.look(container)
    }
    for (const name of this.#byName.keys()) if (store.get(name) === undefined) this.#byName.delete(name)
    this.#bytes = bytes
    conditions.finishPass()
    this.#holdCap()
  }

  /** What the collector tells of its own. */
  selfFigures(): SelfFigure[] {
    const { maxBytes, store } = this.#options
    return [
      { name: 'history_bytes', type: 'gauge', help: 'Bytes of history held', value: this.#bytes },
      { name: 'history_max_bytes', type: 'gauge', help: 'Bytes that history may take', value: maxBytes },
      { name: 'history_evictions_total', type: 'counter', help: 'Histories cut because of that', value: this.evictions },
      {
        name: 'dropped_events_total',
        type: 'counter',
        help: 'Events forgotten because their type had too many',
        value: store.events.dropped,
      },
    ]
  }

  #holdCap(): void {
    while (this.#bytes > this.#options.maxBytes) {
      let largest: { readonly name: string; readonly history: ContainerHistory; readonly bytes: number } | undefined
      let hasDays = false
      for (const [name, history] of this.#byName) {
        const { bytes, hasDay } = history
        if (hasDays && !hasDay) continue
        if (largest === undefined || (hasDay && !hasDays) || bytes > largest.bytes) largest = { name, history, bytes }
        hasDays ||= hasDay
      }
      if (largest === undefined) return
      if (largest.history.hasDay) largest.history.dropDay()
      else this.#byName.delete(largest.name)
      this.#bytes -= largest.bytes - (this.#byName.get(largest.name)?.bytes ?? 0)
      this.evictions++
    }
  }
}
