import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Container } from '../container.ts'
import type { SelfFigure, Source } from '../source.ts'
import type { ContainerSample, Driver, DriverOptions } from './driver.ts'
import { createElasticsearchDriver } from './elasticsearch.ts'
import { createInfluxDriver } from './influxdb.ts'
import { Outlet } from './outlet.ts'
import { samplesOf, type PointContext } from './points.ts'
import { createStatsdDriver } from './statsd.ts'
import { createStdoutDriver } from './stdout.ts'

export interface DrainOptions {
  readonly source: Source
  readonly machine: string
  readonly sinks: readonly DriverOptions[]
  /** Time between writes to the sinks. */
  readonly intervalMs: number
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
}

/** How often samples are taken out of the rings. */
const drainMs = 1000

/**
 * Takes every sample of every container out of the rings, once, for all sinks. It reads what the passes have left and is no part of them. A
 * container that has ended is drained to its last sample.
 */
export class Drain {
  readonly #options: DrainOptions
  readonly #outlets: readonly Outlet[]
  /** Up to where each container has been taken; one that is gone leaves at the next turn. */
  readonly #drained = new Map<Container, number>()

  constructor(options: DrainOptions) {
    this.#options = options
    const { clock, log, random, intervalMs } = options
    this.#outlets = options.sinks.map((sink) => new Outlet({ driver: createDriver(sink, clock), clock, log, random, intervalMs }))
  }

  async run(signal: AbortSignal): Promise<void> {
    const sending = this.#outlets.map((outlet) => outlet.run(signal))
    while (!signal.aborted) {
      await this.#options.clock.sleep(drainMs, signal)
      await this.#take()
    }
    await Promise.all(sending)
  }

  /** Counters of all sinks, each figure for all of them in a row. */
  figures(): SelfFigure[] {
    const rows = this.#outlets.map((outlet) => outlet.figures())
    return (rows[0] ?? []).flatMap((_, index) => rows.map((figures) => figures[index]!))
  }

  async #take(): Promise<void> {
    const { source, machine } = this.#options
    const context: PointContext = { machine, storageCapacityBytes: source.imageFileSystem()?.capacityBytes ?? Number.NaN }
    const present = new Set<Container>(source.store.all())
    for (const container of present) if (!this.#drained.has(container)) this.#drained.set(container, 0)
    const samples: ContainerSample[] = []
    for (const [container, untilMs] of this.#drained) {
      const fresh = samplesOf(container, untilMs, context)
      samples.push(...fresh)
      this.#drained.set(container, fresh.at(-1)?.timestampMs ?? untilMs)
      if (!present.has(container)) this.#drained.delete(container)
    }
    if (samples.length > 0) await Promise.all(this.#outlets.map((outlet) => outlet.add(samples)))
  }
}

function createDriver(options: DriverOptions, clock: Clock): Driver {
  switch (options.kind) {
    case 'stdout':
      return createStdoutDriver(options)
    case 'influxdb':
      return createInfluxDriver(options, clock)
    case 'statsd':
      return createStatsdDriver(options)
    case 'elasticsearch':
      return createElasticsearchDriver(options, clock)
  }
}
