import type { Entity, EntityFilter, MetricWindow } from '../../aggregator/window.ts'

/** A window that a test fills by hand. */
export class FakeWindow implements MetricWindow {
  readonly #entities = new Map<string, Entity>()
  readonly #samples = new Map<string, { timestamp: number; value: number }[]>()
  readonly #handlers = new Set<Parameters<MetricWindow['onBatch']>[0]>()

  add(entity: Entity, metric: string, samples: readonly (readonly [number, number])[]): void {
    this.#entities.set(entity.key, entity)
    const list = this.#samples.get(`${metric} ${entity.key}`) ?? []
    list.push(...samples.map(([timestamp, value]) => ({ timestamp, value })))
    this.#samples.set(`${metric} ${entity.key}`, list)
  }

  announce(timestamp: number): void {
    for (const handler of this.#handlers) handler({ timestamp, entityKeys: [...this.#entities.keys()] })
  }

  *entities(filter: EntityFilter): Iterable<Entity> {
    for (const entity of this.#entities.values()) {
      const hasLabels = Object.entries(filter.labels ?? {}).every(([name, value]) => entity.labels[name] === value)
      if ((filter.type ?? entity.type) === entity.type && (filter.key ?? entity.key) === entity.key && hasLabels) yield entity
    }
  }

  *series(metric: string, filter: EntityFilter, range: { readonly since?: number; readonly until?: number } = {}) {
    for (const entity of this.entities(filter)) {
      const list = (this.#samples.get(`${metric} ${entity.key}`) ?? []).filter(
        ({ timestamp }) => timestamp >= (range.since ?? 0) && timestamp <= (range.until ?? Infinity),
      )
      if (list.length === 0) continue
      yield {
        entity,
        metric,
        timestamps: Float64Array.from(list, ({ timestamp }) => timestamp),
        values: Float64Array.from(list, ({ value }) => value),
      }
    }
  }

  latest(metric: string, entityKey: string) {
    return this.#samples.get(`${metric} ${entityKey}`)?.at(-1)
  }

  onBatch(handler: Parameters<MetricWindow['onBatch']>[0]) {
    this.#handlers.add(handler)
    return () => this.#handlers.delete(handler)
  }
}
