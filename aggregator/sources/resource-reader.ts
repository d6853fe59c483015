import { columnOf } from '../catalog.ts'
import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet, ValueSlab } from '../metric-set.ts'
import type { Family, MetricSet } from '../metric-set.ts'
import type { Entity } from '../window.ts'
import { readExposition } from './exposition-reader.ts'
import type { ExpositionSample } from './exposition-reader.ts'
import type { NodeFigures } from './summary-reader.ts'

interface Rule {
  readonly column: number
  readonly factor: number
  readonly family?: Family
}

const cpu: Rule = { column: columnOf('cpu/usage'), factor: 1e9, family: 'cpu' }
const workingSet: Rule = { column: columnOf('memory/working_set'), factor: 1, family: 'memory' }
const swap: Rule = { column: columnOf('memory/swap'), factor: 1 }
const swapLimit: Rule = { column: columnOf('memory/swap_limit'), factor: 1 }

const rules: ReadonlyMap<string, Rule> = new Map([
  ['cpu_usage_seconds_total', cpu],
  ['memory_working_set_bytes', workingSet],
  ['swap_usage_bytes', swap],
  ['swap_limit_bytes', swapLimit],
])
const startTime = 'container_start_time_seconds'
const uptime = columnOf('uptime')

/** A node of 2,000 pods has a fifth of this. */
const limits = { maxSeries: 100_000, maxNames: 100, maxLabels: 20, maxLength: 512 }

/**
 * Reads a kubelet's `/metrics/resource`: CPU, working set and swap of the node, its pods and containers. Pods come without their uid there.
 * Names it does not know are passed over. Throws an `ExpositionError` for a page that is none.
 */
export function readResourceMetrics(text: string, nodeName: string, now: number): NodeFigures {
  const { samples, cut } = readExposition(text, false, limits)
  const reader = new ResourceReader(nodeName, now)
  for (const sample of samples) reader.read(sample)
  return { sets: reader.finish(), rejected: cut + reader.rejected }
}

class ResourceReader {
  rejected = 0
  readonly #sets = new Map<string, MetricSet>()
  readonly #startedAt = new Map<string, number>()
  readonly #nodeName: string
  readonly #now: number
  readonly #slab = new ValueSlab()

  constructor(nodeName: string, now: number) {
    this.#nodeName = nodeName
    this.#now = now
  }

  read({ name, labels, value, timestamp }: ExpositionSample): void {
    const subject = name.slice(0, name.indexOf('_'))
    const rule = rules.get(name.slice(subject.length + 1))
    if (rule === undefined && name !== startTime) return
    const entity = this.#entityOf(subject, labels)
    if (entity === undefined || !(value >= 0) || value === Infinity) {
      this.rejected++
      return
    }
    if (rule === undefined) this.#startedAt.set(entity.key, value * 1000)
    else this.#put(entity, rule, { value, timestamp: timestamp ?? this.#now })
  }

  /** The sets, with their starts filled in. */
  finish(): Map<string, MetricSet> {
    for (const [key, startedAt] of this.#startedAt) {
      const set = this.#sets.get(key)
      if (set === undefined) continue
      set.values[uptime] = Math.max(0, this.#now - startedAt)
      this.#sets.set(key, { ...set, startedAt })
    }
    return this.#sets
  }

  #put(entity: Entity, rule: Rule, { value, timestamp }: { readonly value: number; readonly timestamp: number }): void {
    const set = this.#sets.get(entity.key) ?? createMetricSet(entity, { slab: this.#slab })
    this.#sets.set(entity.key, set)
    set.values[rule.column] = value * rule.factor
    if (rule.family !== undefined) set.measuredAt[rule.family] = timestamp
  }

  #entityOf(subject: string, labels: Readonly<Record<string, string>>): Entity | undefined {
    const nodename = this.#nodeName
    if (subject === 'node') return createEntity('node', entityKeys.node(nodename), { nodename })
    const { namespace, pod, container } = labels
    if (namespace === undefined || namespace === '' || pod === undefined || pod === '') return undefined
    const podLabels = { nodename, namespace_name: namespace, pod_name: pod }
    if (subject === 'pod') return createEntity('pod', entityKeys.pod(namespace, pod), podLabels)
    if (subject !== 'container' || container === undefined || container === '') return undefined
    return createEntity('pod_container', entityKeys.container(namespace, pod, container), { ...podLabels, container_name: container })
  }
}
