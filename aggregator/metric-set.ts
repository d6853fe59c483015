import { clusterColumns, metrics } from './catalog.ts'
import type { Entity } from './window.ts'

/**
 * What is known of one entity at one moment: a value per catalogue column, NaN where there is none. Sets belong to one batch and are
 * filled in by the processors in their order; nobody changes them afterwards.
 */
export interface MetricSet {
  /** Processors replace it when they know more labels. */
  entity: Entity
  /** By `columnOf`, in the catalogue's unit. Ends before the columns that its type cannot have. */
  readonly values: Float64Array
  readonly labelled: LabelledValue[]
  /** Start of the container, pod or node, ms; NaN if unknown. A later start than before is a restart. */
  readonly startedAt: number
  /** When the node measured each family, ms by the node's clock. */
  readonly measuredAt: Record<Family, number>
  /** The node's own reading of CPU in use, used while there is no earlier sample to subtract. */
  readonly instantCpuNanocores: number
  /**
   * `measured` by the node; `missing`: the API says the container runs and the node did not report it; `idle`: known from the API only and
   * not running, so its requests count and no use is expected.
   */
  readonly presence: 'measured' | 'missing' | 'idle'
  /** Set by the rates processor: CPU in use and the time over which it is the average. */
  cpu: CpuReading | undefined
}

/** A value of a metric that an entity carries once per resource, such as a file system. */
export interface LabelledValue {
  readonly column: number
  readonly resource: string
  readonly value: number
}

/** Metrics that are measured together, named by the start of their names. */
export type Family = 'cpu' | 'memory' | 'network' | 'disk'

/** CPU in use, averaged over the `windowMs` before `measuredAt`. */
export interface CpuReading {
  readonly nanocores: number
  readonly windowMs: number
  readonly measuredAt: number
}

/** What one scrape of a node gave, or one round of totals (then without a node). */
export interface Batch {
  /** Absent for totals over nodes. */
  readonly nodeName: string | undefined
  /** ms by this machine's clock; the time of every point of the batch. */
  readonly timestamp: number
  /** By entity key. */
  readonly sets: Map<string, MetricSet>
}

/** How many sets have their values in one piece of memory. */
const setsPerSlab = 32

/**
 * Memory for the values of many sets that live and die together, such as those of one scrape: a piece of its own for each set costs the
 * engine several times as much.
 */
export class ValueSlab {
  #values = new Float64Array(0)
  #used = 0

  /** Values of one set of an entity of the cluster, all NaN. */
  take(): Float64Array {
    if (this.#used === this.#values.length) {
      this.#values = new Float64Array(clusterColumns * setsPerSlab).fill(Number.NaN)
      this.#used = 0
    }
    return this.#values.subarray(this.#used, (this.#used += clusterColumns))
  }
}

/** A set with no values yet; they lie in `slab` where one is given. */
export function createMetricSet(
  entity: Entity,
  known: Partial<Pick<MetricSet, 'startedAt' | 'instantCpuNanocores' | 'presence'>> & { readonly slab?: ValueSlab } = {},
): MetricSet {
  return {
    entity,
    values: known.slab?.take() ?? new Float64Array(entity.type === 'monitor' ? metrics.length : clusterColumns).fill(Number.NaN),
    labelled: [],
    startedAt: known.startedAt ?? Number.NaN,
    measuredAt: { cpu: Number.NaN, memory: Number.NaN, network: Number.NaN, disk: Number.NaN },
    instantCpuNanocores: known.instantCpuNanocores ?? Number.NaN,
    presence: known.presence ?? 'measured',
    cpu: undefined,
  }
}
