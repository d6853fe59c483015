import type { Entity, EntityFilter, MetricWindow, Series } from './window.ts'

interface Sample {
  readonly timestamp: number
  readonly value: number
}

/** `resource` tells the series of a labelled metric apart. */
export interface NewSample extends Sample {
  readonly resource?: string
}

/** A memory window that holds what a test puts into it. */
export class FakeWindow implements MetricWindow {
  readonly #entities = new Map<string, Entity>()
  /** By metric, then by entity and resource. */
  readonly #samples = new Map<string, Map<string, { entity: Entity; resource: string | undefined; samples: Sample[] }>>()
  readonly #handlers = new Set<Parameters<MetricWindow['onBatch']>[0]>()
  #failure: Error | undefined

  /** Adds one sample; samples of a series must come in order of time. */
  add(metric: string, entity: Entity, { timestamp, value, resource }: NewSample): void {
    this.#entities.set(entity.key, entity)
    const series = this.#samples.get(metric) ?? new Map()
    this.#samples.set(metric, series)
    const key = `${entity.key}\0${resource ?? ''}`
    const entry = series.get(key) ?? { entity, resource, samples: [] }
    series.set(key, entry)
    entry.samples.push({ timestamp, value })
  }

  /** Makes every query throw from now on; `undefined` ends it. */
  failWith(failure: Error | undefined): void {
    this.#failure = failure
  }

  /** Forgets everything, as a process does that starts again. */
  clear(): void {
    this.#entities.clear()
    this.#samples.clear()
  }

  *entities(filter: EntityFilter): Iterable<Entity> {
    if (this.#failure !== undefined) throw this.#failure
    for (const entity of this.#entities.values()) if (matches(filter, entity)) yield entity
  }

  *series(metric: string, filter: EntityFilter, range: { since?: number; until?: number } = {}): Iterable<Series> {
    if (this.#failure !== undefined) throw this.#failure
    const { since = -Infinity, until = Infinity } = range
    for (const { entity, resource, samples } of this.#samples.get(metric)?.values() ?? []) {
      if (!matches(filter, entity)) continue
      const inside = samples.filter(({ timestamp }) => timestamp >= since && timestamp <= until)
      if (inside.length === 0) continue
      yield {
        entity,
        metric,
        ...(resource !== undefined && { resource }),
        timestamps: Float64Array.from(inside, ({ timestamp }) => timestamp),
        values: Float64Array.from(inside, ({ value }) => value),
      }
    }
  }

  latest(metric: string, entityKey: string): Sample | undefined {
    return this.#samples.get(metric)?.get(`${entityKey}\0`)?.samples.at(-1)
  }

  onBatch(handler: Parameters<MetricWindow['onBatch']>[0]): () => void {
    this.#handlers.add(handler)
    return () => this.#handlers.delete(handler)
  }

  /** Tells the readers that a batch is in. */
  announce(timestamp: number): void {
    for (const handler of this.#handlers) handler({ timestamp, entityKeys: [...this.#entities.keys()] })
  }
}

/** A pod as the window knows it. */
export function podEntity(name: string, more: Readonly<Record<string, string>> = {}, namespace = 'default'): Entity {
  const labels = { type: 'pod', namespace_name: namespace, pod_name: name, nodename: 'node-1', ...more }
  return { key: `namespace:${namespace}/pod:${name}`, type: 'pod', labels }
}

/** A node as the window knows it. */
export function nodeEntity(name: string): Entity {
  return { key: `node:${name}`, type: 'node', labels: { type: 'node', nodename: name } }
}

function matches(filter: EntityFilter, entity: Entity): boolean {
  if (filter.type !== undefined && filter.type !== entity.type) return false
  if (filter.key !== undefined && filter.key !== entity.key) return false
  return Object.entries(filter.labels ?? {}).every(([name, value]) => entity.labels[name] === value)
}
