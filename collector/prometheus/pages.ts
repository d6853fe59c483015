import type { Container } from '../container.ts'
import { column } from '../metrics.ts'
import { ratesOf, type Rates } from '../rates.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import type { LogFamily } from '../logs/families.ts'
import type { SelfFigure, Source } from '../source.ts'
import { defaultSubjects, type Subject } from '../subjects.ts'
import { Exposition, type Format } from './exposition.ts'
import { containerFamilies } from './container-families.ts'
import { InstanceLabels, type ContainerFamily, type FamilyContext } from './family.ts'
import { noLabels, renderLabels, SeriesLabels, type LabelOptions, type Labels } from './labels.ts'
import { renderCpuTopology, renderMachine, renderUpstreamVersions, renderVersions } from './machine-families.ts'
import type { Versions } from './machine-families.ts'
import { rateFamilies } from './rate-families.ts'
import { renderContainers } from './render.ts'

export interface PagesOptions {
  readonly source: Source
  readonly version: string
  /** What the collector's own page shows; upstream's default kinds, but for the series per core, unless said otherwise. */
  readonly subjects?: ReadonlySet<Subject>
  readonly labels?: LabelOptions
  /** Whether ready-made rates are shown too. */
  readonly hasRates?: boolean
  /** Counters of the storage drivers. */
  readonly moreFigures?: () => readonly SelfFigure[]
  /** CPU and memory of this process. */
  readonly processFigures: () => { readonly cpuSeconds: number; readonly residentBytes: number }
}

export interface PageRequest {
  readonly format: Format
  /**
   * Whether samples carry the time of measurement. Upstream's do; without, Prometheus marks series of ended containers stale at the next
   * scrape instead of showing them for five more minutes.
   */
  readonly withTimestamps: boolean
  /** Figures of the collection of logs, and those that users make of lines. */
  readonly logs?: readonly LogFamily[]
}

/** What a kubelet's `/metrics/cadvisor` shows. */
const kubeletSubjects: ReadonlySet<Subject> = new Set([
  'cpu',
  'memory',
  'cpuLoad',
  'diskIO',
  'disk',
  'network',
  'app',
  'process',
  'oom_event',
  'pressure',
])

const ownSubjects: ReadonlySet<Subject> = new Set([...defaultSubjects].filter((subject) => subject !== 'percpu'))

/** The pages for Prometheus of one collector; keeps rendered labels from scrape to scrape. */
export class PrometheusPages {
  readonly #options: PagesOptions
  readonly #labels: SeriesLabels
  readonly #instanceLabels = new InstanceLabels()
  readonly #subjects: ReadonlySet<Subject>
  readonly #families: readonly ContainerFamily[]
  #ownBytes = 0
  #kubeletBytes = 0

  constructor(options: PagesOptions) {
    this.#options = options
    this.#labels = new SeriesLabels(options.labels ?? { hasUnion: false, allowed: [] })
    this.#subjects = options.subjects ?? ownSubjects
    this.#families = options.hasRates === true ? [...containerFamilies, ...rateFamilies] : containerFamilies
  }

  /** The page of a kubelet's `/metrics/cadvisor`: containers and machine, under upstream's names and labels alone. */
  cadvisor(format: Format = 'text'): Buffer {
    const { source, version } = this.#options
    const text = new Exposition({ format, expectedBytes: this.#kubeletBytes })
    const containers = [...source.store.all()]
    const labelsOf = (container: Container) => this.#labels.kubelet(container)
    renderContainers(text, containers, {
      families: containerFamilies,
      context: this.#context(false),
      subjects: kubeletSubjects,
      isKubelet: true,
      withTimestamps: true,
      labelsOf,
    })
    this.#addScrapeError(text)
    renderMachine(text, source.machine())
    renderUpstreamVersions(text, source.machine(), versionsOf(source, version))
    const bytes = text.finish()
    this.#kubeletBytes = bytes.length
    return bytes
  }

  /** The collector's own page: the same, what the collector itself costs, and nothing that promtool complains of. */
  own({ format, withTimestamps, logs = [] }: PageRequest): Buffer {
    const { source, version } = this.#options
    const text = new Exposition({ format, expectedBytes: this.#ownBytes })
    const containers = [...source.store.all()].filter(isInUse)
    const subjects = this.#subjects
    this.#labels.prepare(containers)
    const labelsOf = (container: Container) => this.#labels.own(container)
    const context = this.#context(subjects.has('percpu'))
    renderContainers(text, containers, { families: this.#families, context, subjects, isKubelet: false, withTimestamps, labelsOf })
    this.#addInfo(text, containers)
    this.#addScrapeError(text)
    renderMachine(text, source.machine())
    if (subjects.has('cpu_topology')) renderCpuTopology(text, source.machine())
    renderVersions(text, source.machine(), versionsOf(source, version))
    this.#addSelf(text)
    addLogs(text, logs)
    const bytes = text.finish()
    this.#ownBytes = bytes.length
    return bytes
  }

  #context(hasCores: boolean): FamilyContext {
    const { source } = this.#options
    const storage = source.imageFileSystem()
    const rates = new Map<Container, Rates | undefined>()
    this.#instanceLabels.useDiskNames(
      new Map(source.machine().disks.map(({ major, minor, name }) => [`${major}:${minor}`, `/dev/${name}`])),
    )
    return {
      storageCapacityBytes: storage?.capacityBytes ?? Number.NaN,
      fileSystems: this.#fileSystems(),
      hasCores,
      ratesOf: (container) => {
        if (!rates.has(container)) rates.set(container, ratesOf(container))
        return rates.get(container)
      },
      instanceLabels: this.#instanceLabels,
    }
  }

  #fileSystems(): FamilyContext['fileSystems'] {
    // All file systems in memory have the same device.
    const nameOf = ({ type, device, mountpoint }: FileSystem) => (type === 'tmpfs' ? mountpoint : device)
    const byDevice = new Map(this.#options.source.fileSystems().map((system) => [nameOf(system), system]))
    return [...byDevice].map(([device, system]) => ({ labels: renderLabels({ device }), system }))
  }

  #addInfo(text: Exposition, containers: readonly Container[]): void {
    text.family({
      name: 'container_info',
      help: 'What a container is: its labels and environment, as far as they are allowed',
      type: 'info',
    })
    for (const container of containers) {
      if (container.description.id !== '' && container.ring.count > 0) text.sample(this.#labels.info(container), 1)
    }
  }

  #addScrapeError(text: Exposition): void {
    text.family({
      name: 'container_scrape_error',
      help: '1 if there was an error while getting container metrics, 0 otherwise',
      type: 'gauge',
    })
    text.sample(noLabels, this.#options.source.store.size > 0 ? 0 : 1)
  }

  #addSelf(text: Exposition): void {
    const { source, moreFigures, processFigures } = this.#options
    let previous = ''
    for (const { name, type, help, labels, value } of [...source.selfFigures(), ...(moreFigures?.() ?? [])]) {
      if (name !== previous) text.family({ name: `binnacle_collector_${name}`, help, type })
      previous = name
      text.sample(labels === undefined ? noLabels : renderLabels(labels), value)
    }
    text.family({
      name: 'binnacle_collector_labels_cut_total',
      help: 'Labels that were too long or too many, by what was cut',
      type: 'counter',
    })
    for (const [what, labels] of cutLabels) text.sample(labels, this.#labels.cut[what])
    const { cpuSeconds, residentBytes } = processFigures()
    text.family({ name: 'process_cpu_seconds_total', help: 'CPU time of this process', type: 'counter' })
    text.sample(noLabels, cpuSeconds)
    text.family({ name: 'process_resident_memory_bytes', help: 'Memory of this process', type: 'gauge' })
    text.sample(noLabels, residentBytes)
  }
}

/** The page of what is known of logs alone. */
export function renderLogPage(format: Format, logs: readonly LogFamily[]): Buffer {
  const text = new Exposition({ format })
  addLogs(text, logs)
  return text.finish()
}

function addLogs(text: Exposition, families: readonly LogFamily[]): void {
  for (const { name, type, help, samples } of families) {
    text.family({ name, type, help })
    for (const { suffix, labels, value } of samples) text.part(suffix, renderLabels(labels), value)
  }
}

/** Plain cgroups in which nothing runs, nor in any below, are what somebody has left behind. */
function isInUse({ description, ring }: Container): boolean {
  return description.id !== '' || description.name === '/' || ring.get(column.processes) !== 0
}

const cutLabels: readonly (readonly ['values' | 'names' | 'labels', Labels])[] = (['values', 'names', 'labels'] as const).map((what) => [
  what,
  renderLabels({ cut: what }),
])

function versionsOf(source: Source, version: string): Versions {
  const docker = source.docker()
  return { docker: docker.status === 'connected' ? docker.info.version : '', collector: version }
}
