import type { Source } from '../source.ts'
import { Exposition, formatLabels } from './exposition.ts'
import { renderMachine, renderUpstreamVersions, renderVersions } from './machine-families.ts'
import type { Versions } from './machine-families.ts'
import { renderContainers } from './render.ts'
import type { FamilyContext } from './container-families.ts'

export interface PageOptions {
  readonly source: Source
  readonly nowMs: number
  readonly version: string
  /**
   * Whether samples carry the time of measurement. Upstream's do; without, Prometheus marks series of ended containers stale at the next
   * scrape instead of showing them for five more minutes.
   */
  readonly withTimestamps: boolean
}

/** The page of a kubelet's `/metrics/cadvisor`: containers and machine, under upstream's names and labels alone. */
export function renderCadvisorMetrics(options: PageOptions): string {
  const text = new Exposition()
  addContainersAndMachine(text, options)
  renderUpstreamVersions(text, options.source.machine(), versionsOf(options))
  return text.toString()
}

/** The collector's own `/metrics`: the same, what the collector itself costs, and nothing that promtool complains of. */
export function renderMetrics(
  options: PageOptions & { readonly processFigures: { readonly cpuSeconds: number; readonly residentBytes: number } },
): string {
  const text = new Exposition()
  addContainersAndMachine(text, options)
  renderVersions(text, options.source.machine(), versionsOf(options))
  const { processFigures, source } = options
  for (const { name, type, help, labels, value } of source.selfFigures()) {
    text.family({ name: `binnacle_collector_${name}`, help, type })
    text.sample(formatLabels(labels ?? {}), value)
  }
  text.family({ name: 'process_cpu_seconds_total', help: 'CPU time of this process', type: 'counter' })
  text.sample('', processFigures.cpuSeconds)
  text.family({ name: 'process_resident_memory_bytes', help: 'Memory of this process', type: 'gauge' })
  text.sample('', processFigures.residentBytes)
  return text.toString()
}

function versionsOf({ source, version }: PageOptions): Versions {
  const docker = source.docker()
  return { docker: docker.status === 'connected' ? docker.info.version : '', collector: version }
}

function addContainersAndMachine(text: Exposition, { source, nowMs, withTimestamps }: PageOptions): void {
  const machine = source.machine()
  const storage = source.imageFileSystem()
  const diskNames = new Map(machine.disks.map(({ major, minor, name }) => [`${major}:${minor}`, `/dev/${name}`]))
  const context: FamilyContext = {
    nowMs,
    storageCapacityBytes: storage?.capacityBytes ?? Number.NaN,
    storageInodes: storage?.inodes ?? Number.NaN,
    storageInodesFree: storage?.inodesFree ?? Number.NaN,
    diskName: (device) => diskNames.get(device) ?? '',
  }
  renderContainers(text, [...source.store.all()], context, withTimestamps)
  text.family({
    name: 'container_scrape_error',
    help: '1 if there was an error while getting container metrics, 0 otherwise',
    type: 'gauge',
  })
  text.sample('', source.store.size > 0 ? 0 : 1)
  renderMachine(text, machine)
}
