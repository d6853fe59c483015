import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AccountBook } from './account-book.ts'
import type { AccountOrigin } from './accounts.ts'
import type { LogContext, LogFigure } from './context.ts'
import { decodeDocker } from './decoding/docker-json.ts'
import { decodeCri } from './decoding/cri.ts'
import { decodePlain, type Decode } from './decoding/slice.ts'
import { Distribution, Unacknowledged } from './distribution.ts'
import type { LogFamily } from './families.ts'
import type { LogOrigin } from './log-batch.ts'
import { LineMetrics } from './processing/line-metrics.ts'
import { createProcessing } from './processing/processing.ts'
import { FileGroup } from './reading/file-group.ts'
import { FolderWatches } from './reading/folder-watches.ts'
import { FollowedPath, type Route } from './reading/followed-path.ts'
import { Lane } from './reading/lane.ts'
import { Ledger } from './reading/ledger.ts'
import type { FileSourceSettings, LogSettings } from './settings.ts'
import type { LogSink } from './sinks/sink.ts'
import { describePipeline, familiesOf, type LogStatus } from './report.ts'
import { ContainerLogs } from './sources/container-logs.ts'
import type { ContainerRecord, PodFacts } from './sources/container-record.ts'
import { FileLogs } from './sources/file-logs.ts'
import { JournalLogs } from './sources/journal-logs.ts'
import { decodeRuntime, podOrigin, readPodLogPath } from './sources/pod-logs.ts'

export interface PipelineOptions {
  readonly context: LogContext
  readonly settings: LogSettings
  /** Started and stopped by the pipeline. */
  readonly sinks: readonly LogSink[]
  /** Figures of what the pipeline does not know: the store, the thread. */
  readonly moreFigures: () => readonly LogFigure[]
  /** How often everything is looked at, whatever the kernel tells; 10 s by default. */
  readonly sweepMs?: number
}

const decoders: Readonly<Record<FileSourceSettings['format'], Decode>> = { plain: decodePlain, docker: decodeDocker, cri: decodeCri }
const maxPods = 4096
const defaultSweepMs = 10_000
/** Where the kernel does not tell of changes. */
const unwatchedSweepMs = 1000

/** Sinks that get the same lines, and the reader of those lines. */
interface Branch {
  readonly lane: Lane
  readonly distribution: Distribution
}

/** How a source wants a path to be read. */
export interface FollowOptions {
  readonly path: string
  readonly origin: LogOrigin
  readonly decode: Decode
  readonly from: 'beginning' | 'end'
  readonly followsLinks: boolean
  readonly onDone: (group: FileGroup) => void
}

/** From files to sinks, in one thread: what is read, in which order, and what is known to be safe. */
export class Pipeline {
  readonly #options: PipelineOptions
  readonly #book = new AccountBook()
  readonly #paths = new Map<string, FollowedPath>()
  readonly #branches = new Map<string, Branch>()
  readonly #ledger: Ledger
  readonly #watches = new FolderWatches()
  readonly #unacknowledged: Unacknowledged
  readonly #abort = new AbortController()
  /** Resolves when the sinks take batches: containers are told of before. */
  readonly #sinksStarted = Promise.withResolvers<void>()
  readonly #running: Promise<unknown>[] = []
  readonly #forgotten = new Set<string>()
  readonly #containers: ContainerLogs
  readonly #files: readonly FileLogs[]
  readonly #journal: JournalLogs | undefined
  readonly #metrics = new LineMetrics()
  readonly #podFacts = new Map<string, PodFacts>()

  constructor(options: PipelineOptions) {
    const { context, settings } = options
    this.#options = options
    const { dataFolder, clock, log } = context
    const figures = () => this.#book.toSaved(options.sinks.map((sink) => sink.stats()))
    this.#ledger = new Ledger({ path: join(dataFolder, 'positions.json'), clock, log, figures })
    this.#book.restore(this.#ledger.savedFigures)
    this.#unacknowledged = new Unacknowledged(settings.reading.maxUnacknowledgedBytes)
    this.#containers = new ContainerLogs({
      clock: context.clock,
      nodeName: context.nodeName,
      watches: this.#watches,
      follow: (path, origin) =>
        this.#follow({
          path,
          origin,
          decode: decodeDocker,
          from: settings.docker?.from ?? 'beginning',
          followsLinks: false,
          onDone: (group) => this.#containers.onDone(group),
        }),
      forget: (path) => this.#forgotten.add(path),
    })
    const { pods, journal, files } = settings
    const patterns = files.map((source) => this.#fileLogs(source, (path) => this.#followFile(source, path)))
    this.#files = pods === undefined ? patterns : [...patterns, this.#podLogs(pods)]
    if (journal !== undefined) {
      this.#journal = new JournalLogs({
        context,
        settings: journal,
        ledger: this.#ledger,
        maxLineBytes: settings.reading.maxLineBytes,
        accountOf: (origin) => this.#book.of(origin),
        routeOf: (origin) => this.#routeOf(origin),
      })
    }
  }

  async start(): Promise<void> {
    const { sinks, context, settings, sweepMs = defaultSweepMs } = this.#options
    for (const sink of sinks) await sink.start(() => this.#ledger.saveFigures())
    this.#sinksStarted.resolve()
    const { signal } = this.#abort
    this.#running.push(
      this.#ledger.run(settings.reading.checkpointMs, () => this.#tidy(), signal),
      this.#sweep(
        sweepMs,
        () => true,
        async () => {
          this.#relieve()
          for (const files of this.#files) await files.look()
        },
      ),
      this.#sweep(unwatchedSweepMs, (group) => !group.isWatched),
    )
    for (const files of this.#files) await files.look()
    if (this.#journal !== undefined) this.#running.push(this.#journal.run(signal))
    context.log.info({ sinks: sinks.map(({ name }) => name) }, 'logs are collected')
  }

  /** Stops reading, gives sinks what they need to make things safe, and saves what was acknowledged. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#sinksStarted.resolve()
    await Promise.all(this.#running)
    await Promise.all(this.#options.sinks.map((sink) => sink.stop()))
    for (const { group } of this.#paths.values()) group.close()
    this.#watches.close()
    await this.#ledger.save()
  }

  updateContainer(record: ContainerRecord): void {
    if (this.#options.settings.docker !== undefined && !this.#abort.signal.aborted) this.#containers.update(record)
  }

  status(): LogStatus {
    const { sinks } = this.#options
    return describePipeline({
      paths: this.#paths,
      book: this.#book,
      sinks,
      ledger: this.#ledger,
      unacknowledged: this.#unacknowledged,
      problems: this.#journal?.problem === undefined ? [] : [`journal: ${this.#journal.problem}`],
    })
  }

  families(): readonly LogFamily[] {
    return [...familiesOf(this.status(), this.#options.moreFigures()), ...this.#metrics.families()]
  }

  #follow(options: FollowOptions): FollowedPath {
    const { context, settings } = this.#options
    const { path, origin, decode, from, followsLinks, onDone } = options
    const isTimed = decode !== decodePlain
    const { clock, log } = context
    this.#forgotten.delete(path)
    const followed = new FollowedPath({
      route: this.#routeOf(origin),
      decode,
      account: this.#book.of(origin),
      maxLineBytes: settings.reading.maxLineBytes,
      now: () => clock.now(),
      routeOf: (changed) => this.#routeOf(changed),
      createGroup: (lines) =>
        new FileGroup({
          path,
          from,
          isTimed,
          followsLinks,
          ledger: this.#ledger,
          clock,
          log,
          context: lines,
          wake: () => lines.wake(),
          onDone,
        }),
    })
    this.#paths.set(path, followed)
    return followed
  }

  #fileLogs(
    { paths, exclude }: Pick<FileSourceSettings, 'paths' | 'exclude'>,
    follow: (path: string) => FollowedPath | undefined,
  ): FileLogs {
    const { clock, log } = this.#options.context
    return new FileLogs({ paths, exclude, clock, log, watches: this.#watches, follow, forget: (path) => this.#forgotten.add(path) })
  }

  /** What several sources find is read once. */
  #followFile({ kind, name, format, labels, from, followsLinks }: FileSourceSettings, path: string): FollowedPath | undefined {
    if (this.#paths.has(path)) return undefined
    const origin: LogOrigin = {
      id: `${kind}/${path}`,
      kind,
      node: this.#options.context.nodeName,
      namespace: '',
      pod: '',
      podUid: '',
      container: name ?? '',
      containerId: '',
      image: '',
      owner: undefined,
      labels,
      annotations: {},
    }
    return this.#follow({ path, origin, decode: decoders[format], from, followsLinks, onDone: () => {} })
  }

  #podLogs({ path: folder, from }: NonNullable<LogSettings['pods']>): FileLogs {
    return this.#fileLogs({ paths: [join(folder, '*_*_*/*/*.log')], exclude: [] }, (path) => {
      const place = readPodLogPath(path)
      if (place === undefined || this.#paths.has(path)) return undefined
      const origin = podOrigin(place, this.#podFacts.get(place.uid), this.#options.context.nodeName)
      return this.#follow({ path, origin, decode: decodeRuntime, from, followsLinks: true, onDone: () => {} })
    })
  }

  /** Something was learnt of a pod whose containers are known by their paths. */
  updatePod(uid: string, facts: PodFacts): void {
    this.#podFacts.set(uid, facts)
    if (this.#podFacts.size > maxPods) this.#podFacts.delete(this.#podFacts.keys().next().value!)
    for (const [path, followed] of this.#paths) {
      const place = followed.origin.podUid === uid && followed.origin.containerId === '' ? readPodLogPath(path) : undefined
      if (place !== undefined) followed.describe(podOrigin(place, facts, this.#options.context.nodeName))
    }
  }

  #routeOf(origin: LogOrigin): Route {
    const { clock, log } = this.#options.context
    const account = this.#book.of(origin)
    const processing = createProcessing(this.#options.settings, origin, {
      account,
      metrics: this.#metrics,
      monotonic: () => clock.monotonic(),
    })
    for (const problem of processing.problems) log.warn({ origin: origin.id, problem }, 'an annotation about logs is not heeded')
    const { sinks } = this.#options
    const wanted = processing.sinks === undefined ? sinks : sinks.filter(({ name }) => processing.sinks!.includes(name))
    const key = wanted.map(({ name }) => name).join(' ')
    const branch = this.#branches.get(key) ?? this.#createBranch(wanted)
    this.#branches.set(key, branch)
    return { origin, processing, ...branch }
  }

  #createBranch(sinks: readonly LogSink[]): Branch {
    const { clock, log } = this.#options.context
    const distribution = new Distribution(sinks, this.#unacknowledged, this.#abort.signal)
    const lane = new Lane({ clock, log, room: (signal) => distribution.room(signal) })
    this.#running.push(this.#sinksStarted.promise.then(() => lane.run(this.#abort.signal)))
    return { lane, distribution }
  }

  async #sweep(intervalMs: number, isWanted: (group: FileGroup) => boolean, more: () => Promise<void> = async () => {}): Promise<void> {
    const { clock } = this.#options.context
    const { signal } = this.#abort
    for (;;) {
      await clock.sleep(intervalMs, signal)
      if (signal.aborted) return
      for (const { group } of this.#paths.values()) if (isWanted(group)) group.sweep()
      await more()
    }
  }

  /** Removed files that are held open take space that nobody sees: beyond a bound the oldest are given up. */
  #relieve(): void {
    const { maxHeldBytes, maxHeldFiles } = this.#options.settings.reading
    const groups = [...this.#paths.values()].map(({ group }) => group)
    let { bytes, files } = heldBy(groups)
    while (bytes > maxHeldBytes || files > maxHeldFiles) {
      const largest = groups.reduce((a, b) => (b.held().bytes > a.held().bytes ? b : a))
      this.#options.context.log.warn(
        { path: largest.path, bytes, files },
        'removed log files that are not read yet take too much: the oldest is given up',
      )
      if (!largest.giveUpOldest()) return
      ;({ bytes, files } = heldBy(groups))
    }
  }

  /** Before each save: what nobody needs any more goes. */
  #tidy(): void {
    for (const [path, { group }] of this.#paths) {
      if (!group.isClosed || !group.isSettled) continue
      this.#paths.delete(path)
    }
    this.#forgetAccounts()
    for (const path of this.#forgotten) {
      if (this.#paths.has(path) || existsSync(path)) continue
      this.#ledger.forget(path)
      this.#forgotten.delete(path)
    }
  }

  /** A pod's container that was started anew goes on with the figures of the one before. */
  #forgetAccounts(): void {
    if (!this.#book.isOverfull) return
    const live = [...this.#paths.values()].map(({ origin }) => origin)
    const ids = new Set(live.map(({ id }) => id))
    const places = new Set(live.map(placeOf))
    for (const origin of this.#book.forget(({ kind, id }) => kind === 'journal' || ids.has(id)))
      if (!places.has(placeOf(origin))) this.#metrics.forget(origin)
  }
}

function placeOf({ namespace, pod, container }: AccountOrigin): string {
  return `${namespace}/${pod}/${container}`
}

function heldBy(groups: readonly FileGroup[]): { bytes: number; files: number } {
  let bytes = 0
  let files = 0
  for (const group of groups) {
    const held = group.held()
    bytes += held.bytes
    files += held.files
  }
  return { bytes, files }
}
