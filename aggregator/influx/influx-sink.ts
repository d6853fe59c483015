import type { InfluxDB } from 'influx'
import type { Timer } from '../../lib/clock.ts'
import type { CustomSample } from '../custom-metrics.ts'
import type { ClusterEvent } from '../events.ts'
import type { Batch } from '../metric-set.ts'
import { createDelivery } from '../sinks/create-delivery.ts'
import type { Delivery } from '../sinks/delivery.ts'
import type { PayloadEncoder } from '../sinks/destination.ts'
import type { Sink, SinkContext, SinkStats } from '../sinks/sink.ts'
import type { Entity } from '../window.ts'
import { backfillTiers, countSeries, createInfluxDriver, ensureDatabase } from './database.ts'
import { compressLines, InfluxDestination } from './destination.ts'
import { LineEncoder } from './line-protocol.ts'
import { resolveInfluxOptions } from './options.ts'
import type { InfluxOptions, InfluxSettings } from './options.ts'
import { SeriesGuard } from './series-guard.ts'

/** InfluxDB's own advice; the last figure before throughput flattens. */
const pointsPerWrite = 5000
const writeTimeoutMs = 10_000
const maintenanceMs = 60_000
/** How often it is written again which pod has which uid, so that it stays known as long as points do. */
const identityMs = 3_600_000

export interface InfluxSinkOptions {
  readonly name: string
  readonly influx: InfluxOptions
  /** Writes on their way at once. Default 4. */
  readonly concurrency?: number
}

/**
 * Writes batches, samples of pods' own metrics and events to InfluxDB. Points have times of their own, so a point that is sent twice is stored once.
 * The database, its policies and tiers are kept as the options say; tiers are filled again after an outage; the number of series is guarded.
 */
export class InfluxSink implements Sink {
  readonly name: string
  readonly #influx: InfluxOptions
  readonly #settings: InfluxSettings
  readonly #context: SinkContext
  readonly #driver: InfluxDB
  readonly #encoder: LineEncoder
  readonly #guard: SeriesGuard
  readonly #delivery: Delivery
  readonly #identified = new WeakMap<Entity, number>()
  #maintenance: Timer | undefined
  #backfillSince: number | undefined

  constructor({ name, influx, concurrency = 4 }: InfluxSinkOptions, context: SinkContext) {
    this.name = name
    this.#influx = influx
    this.#settings = resolveInfluxOptions(influx)
    this.#context = context
    this.#driver = createInfluxDriver(influx)
    this.#guard = new SeriesGuard(this.#settings.maxSeries)
    this.#encoder = new LineEncoder({ ...this.#settings, clusterName: influx.clusterName ?? context.clusterName, guard: this.#guard })
    const destination = new InfluxDestination({
      settings: this.#settings,
      prepare: () => ensureDatabase(this.#driver, influx, context.clock),
      clock: context.clock,
      timeoutMs: writeTimeoutMs,
    })
    const onRecovered = (since: number) => (this.#backfillSince = Math.min(since, this.#backfillSince ?? since))
    this.#delivery = createDelivery(name, context, {
      destination,
      encoder: payloadEncoder(this.#encoder),
      compress: compressLines,
      concurrency,
      onRecovered,
    })
  }

  add(batch: Batch): void {
    if (this.#delivery.isStopping) return
    this.#encoder.addBatch(batch, pointsPerWrite, () => this.#delivery.seal())
    for (const { entity } of batch.sets.values()) if (entity.type === 'pod') this.#identify(entity, batch.timestamp)
    this.#delivery.sealSoon()
  }

  addEvents(events: readonly ClusterEvent[]): void {
    this.#addEach(events, (event) => this.#encoder.addEvent(event))
  }

  addCustomSamples(samples: readonly CustomSample[]): void {
    this.#addEach(samples, (sample) => this.#encoder.addCustom(sample))
  }

  async start(): Promise<void> {
    await this.#delivery.start()
    this.#maintainIn(0)
  }

  async stop(): Promise<void> {
    this.#maintenance?.cancel()
    this.#maintenance = undefined
    await this.#delivery.stop()
  }

  stats(): SinkStats {
    return { ...this.#delivery.stats(), series: this.#guard.stats() }
  }

  #addEach<T>(items: readonly T[], add: (item: T) => void): void {
    if (this.#delivery.isStopping) return
    for (const item of items) {
      add(item)
      if (this.#encoder.points >= pointsPerWrite) this.#delivery.seal()
    }
    this.#delivery.sealSoon()
  }

  #identify(entity: Entity, timestamp: number): void {
    const { pod_id: uid, pod_name: pod, namespace_name: namespace } = entity.labels
    if (uid === undefined || pod === undefined || namespace === undefined) return
    if (timestamp - (this.#identified.get(entity) ?? -Infinity) < identityMs) return
    this.#identified.set(entity, timestamp)
    this.#encoder.addIdentity({ namespace, pod, uid }, timestamp)
  }

  #maintainIn(ms: number): void {
    this.#maintenance = this.#context.clock.setTimer(ms, () => {
      void this.#maintain().finally(() => {
        if (this.#maintenance !== undefined) this.#maintainIn(maintenanceMs)
      })
    })
  }

  async #maintain(): Promise<void> {
    const { clock, log } = this.#context
    try {
      this.#guard.noteCount(await countSeries(this.#driver, this.#influx, clock))
      const since = this.#backfillSince
      if (since === undefined) return
      await backfillTiers(this.#driver, this.#influx, { since, clock })
      if (this.#backfillSince === since) this.#backfillSince = undefined
      log.info({ since: new Date(since).toISOString() }, 'the tiers have been filled again after an outage')
    } catch (err) {
      log.debug({ err }, 'InfluxDB could not be looked after; tried again in a minute')
    }
  }
}

function payloadEncoder(encoder: LineEncoder): PayloadEncoder {
  return {
    get items() {
      return encoder.points
    },
    take: () => {
      const { lines, release, counts } = encoder.lend()
      return { body: lines, release, items: counts.points, lost: { 'not-a-number': counts.dropped, 'series-guard': counts.refused } }
    },
  }
}
