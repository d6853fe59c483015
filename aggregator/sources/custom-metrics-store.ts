import type { Clock } from '../../lib/clock.ts'
import type { CustomMetricsView, CustomSample, SampleSink } from '../custom-metrics.ts'
import type { ExpositionSample } from './exposition-reader.ts'

/** The pod that a page belongs to. */
export interface PodIdentity {
  readonly namespace: string
  readonly pod: string
  /** A pod of the same name with another uid is another pod. */
  readonly uid: string
  /** Where a pod has several pages, which of them; that of its own endpoint without. */
  readonly page?: string
}

export interface CustomMetricsStoreOptions {
  /** How long samples live while their pod is not read. */
  readonly holdMs: number
  /** Of all pods together. */
  readonly maxSeries: number
  /** Told the samples of every page that was taken in. */
  readonly sinks?: readonly SampleSink[]
  readonly clock: Clock
}

/** What a page dates further away than this is not about now. */
const maxSkewMs = 300_000

interface Counter {
  readonly value: number
  readonly timestamp: number
}

interface PodRecord {
  readonly identity: PodIdentity
  readonly readAt: number
  /** By metric name. */
  readonly samples: ReadonlyMap<string, readonly CustomSample[]>
  readonly counters: ReadonlyMap<string, Counter>
  readonly series: number
}

/**
 * The last page of every pod as samples: gauges as they are, counters as their growth per second since the page before. A counter that fell
 * (its process began anew) has no sample until the page after. Nothing is kept beyond `maxSeries`: what does not fit is refused and counted.
 */
export class CustomMetricsStore implements CustomMetricsView {
  readonly #options: CustomMetricsStoreOptions
  /** By namespace, then by pod and page. */
  readonly #namespaces = new Map<string, Map<string, PodRecord>>()
  #series = 0
  #refused = 0

  constructor(options: CustomMetricsStoreOptions) {
    this.#options = options
  }

  /** Takes in a page that was read at `readAt`. Returns how many of its series there was no room for. */
  put(identity: PodIdentity, page: readonly ExpositionSample[], readAt: number): number {
    const before = this.#namespaces.get(identity.namespace)?.get(keyOf(identity))
    this.#forget(identity)
    const room = this.#options.maxSeries - this.#series
    const kept = page.length > room ? page.slice(0, Math.max(0, room)) : page
    const record = makeRecord(identity, kept, { before: before?.identity.uid === identity.uid ? before : undefined, readAt })
    const pods = this.#namespaces.get(identity.namespace) ?? new Map<string, PodRecord>()
    this.#namespaces.set(identity.namespace, pods.set(keyOf(identity), record))
    this.#series += record.series
    this.#refused += page.length - kept.length
    const samples = [...record.samples.values()].flat()
    for (const sink of this.#options.sinks ?? []) sink.addCustomSamples(samples)
    return page.length - kept.length
  }

  /** Drops what is kept of a pod that has left. */
  forget(identity: PodIdentity): void {
    if (this.#namespaces.get(identity.namespace)?.get(keyOf(identity))?.identity.uid === identity.uid) this.#forget(identity)
  }

  names(): readonly string[] {
    const names = new Set<string>()
    for (const namespace of this.#namespaces.keys()) {
      for (const { samples } of this.#living(namespace)) for (const name of samples.keys()) names.add(name)
    }
    return [...names].sort()
  }

  samples(name: string, namespace: string): readonly CustomSample[] {
    return [...this.#living(namespace)].flatMap((record) => record.samples.get(name) ?? [])
  }

  /** For the aggregator's figures of itself. */
  stats(): { readonly pods: number; readonly series: number; readonly maxSeries: number; readonly refused: number } {
    const pods = [...this.#namespaces.values()].reduce((sum, { size }) => sum + size, 0)
    return { pods, series: this.#series, maxSeries: this.#options.maxSeries, refused: this.#refused }
  }

  *#living(namespace: string): Iterable<PodRecord> {
    const oldest = this.#options.clock.now() - this.#options.holdMs
    for (const record of this.#namespaces.get(namespace)?.values() ?? []) if (record.readAt >= oldest) yield record
  }

  #forget(identity: PodIdentity): void {
    const { namespace } = identity
    const key = keyOf(identity)
    const pods = this.#namespaces.get(namespace)
    this.#series -= pods?.get(key)?.series ?? 0
    pods?.delete(key)
    if (pods?.size === 0) this.#namespaces.delete(namespace)
  }
}

/** No pod's name has a slash. */
function keyOf({ pod, page }: PodIdentity): string {
  return page === undefined ? pod : `${pod}/${page}`
}

function makeRecord(
  identity: PodIdentity,
  page: readonly ExpositionSample[],
  { before, readAt }: { readonly before: PodRecord | undefined; readonly readAt: number },
): PodRecord {
  const samples = new Map<string, CustomSample[]>()
  const counters = new Map<string, Counter>()
  for (const line of page) {
    if (!Number.isFinite(line.value)) continue
    const timestamp = line.timestamp ?? readAt
    if (Math.abs(timestamp - readAt) > maxSkewMs) continue
    let rate: { readonly value: number; readonly windowMs?: number } | undefined = { value: line.value }
    if (line.type === 'counter') {
      const key = seriesKey(line)
      const earlier = counters.get(key) ?? before?.counters.get(key)
      counters.set(key, { value: line.value, timestamp })
      rate = earlier === undefined ? undefined : rateOf(earlier, { value: line.value, timestamp })
    }
    if (rate === undefined) continue
    const { name, type, labels } = line
    const sample = { name, type, namespace: identity.namespace, pod: identity.pod, labels, timestamp, ...rate }
    const known = samples.get(name)
    if (known === undefined) samples.set(name, [sample])
    else known.push(sample)
  }
  return { identity, readAt, samples, counters, series: page.length }
}

/** Growth per second, or nothing where the time between is none or the counter fell. */
function rateOf(earlier: Counter, later: Counter): { readonly value: number; readonly windowMs: number } | undefined {
  const windowMs = later.timestamp - earlier.timestamp
  if (!(windowMs > 0) || later.value < earlier.value) return undefined
  return { value: ((later.value - earlier.value) / windowMs) * 1000, windowMs }
}

function seriesKey({ name, labels }: ExpositionSample): string {
  return JSON.stringify([name, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))])
}
