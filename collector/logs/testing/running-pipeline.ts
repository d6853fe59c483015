import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog, type Log } from '../../../lib/log.ts'
import { seededRandom } from '../../../lib/random.ts'
import { Pipeline } from '../pipeline.ts'
import { defaultLogSettings, type FileSourceSettings, type LogSettings } from '../settings.ts'
import type { LogSink } from '../sinks/sink.ts'
import { MemorySink } from './memory-sink.ts'

/** A source of the files that match one pattern. */
export function filesAt(path: string, more: Partial<FileSourceSettings> = {}): FileSourceSettings {
  return {
    from: 'beginning',
    name: undefined,
    kind: 'file',
    paths: [path],
    exclude: [],
    format: 'plain',
    followsLinks: false,
    labels: {},
    ...more,
  }
}

/** A pipeline over a folder of its own, which can be stopped and started over. */
export class RunningPipeline {
  readonly folder = mkdtempSync(join(tmpdir(), 'binnacle-logs-'))
  readonly sink: MemorySink
  pipeline!: Pipeline
  readonly #settings: Partial<LogSettings>
  readonly #sinks: readonly LogSink[]
  readonly #log: Log

  constructor(
    settings: (folder: string) => Partial<LogSettings>,
    options: { readonly sinks?: readonly MemorySink[]; readonly log?: Log } = {},
  ) {
    this.#settings = settings(this.folder)
    this.#sinks = options.sinks ?? [new MemorySink()]
    this.sink = this.#sinks[0] as MemorySink
    this.#log = options.log ?? silentLog
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  async start(): Promise<this> {
    this.pipeline = new Pipeline({
      context: { clock: systemClock, random: seededRandom(1), log: this.#log, nodeName: 'n1', dataFolder: join(this.folder, '.state') },
      settings: { ...defaultLogSettings, docker: undefined, ...this.#settings },
      sinks: this.#sinks,
      moreFigures: () => [],
      sweepMs: 300,
    })
    await this.pipeline.start()
    return this
  }

  async stop(): Promise<void> {
    await this.pipeline.stop()
  }

  async dispose(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Resolves when `isTrue`; rejects after a while, with what there was. */
  async until(isTrue: () => boolean, timeoutMs = 8000): Promise<void> {
    const deadline = systemClock.monotonic() + timeoutMs
    while (!isTrue()) {
      if (systemClock.monotonic() > deadline)
        throw new Error(`not within ${timeoutMs} ms; last lines: ${this.sink.texts().slice(-3).join(' | ')}`)
      await systemClock.sleep(10)
    }
  }

  /** Resolves when so many lines, or these, have come. */
  async untilLines(count: number, timeoutMs?: number): Promise<string[]> {
    await this.until(() => this.sink.stats().accepted >= count, timeoutMs)
    return this.sink.texts()
  }
}
