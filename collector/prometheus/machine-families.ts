import type { MachineInfo } from '../machine/machine-info.ts'
import type { Exposition, Family } from './exposition.ts'
import { renderLabels } from './labels.ts'

/** A value of a family with the labels that it has beyond the machine's. */
type Emit = (extra: Readonly<Record<string, string>>, value: number) => void

interface MachineFamily extends Family {
  values(machine: MachineInfo, emit: Emit): void
}

const families: readonly MachineFamily[] = [
  single('machine_cpu_physical_cores', 'Physical cores', ({ physicalCores }) => physicalCores),
  single('machine_cpu_cores', 'Logical cores', ({ cores }) => cores),
  single('machine_cpu_sockets', 'Sockets', ({ sockets }) => sockets),
  single('machine_cpu_books', 'Books of a mainframe, 0 elsewhere', ({ books }) => books),
  single('machine_cpu_drawers', 'Drawers of a mainframe, 0 elsewhere', ({ drawers }) => drawers),
  single('machine_memory_bytes', 'Memory of the machine', ({ memoryBytes }) => memoryBytes),
  single('machine_swap_bytes', 'Swap of the machine', ({ swapBytes }) => swapBytes),
  {
    name: 'machine_dimm_count',
    help: 'Memory modules',
    type: 'untyped',
    values: ({ memoryByType }, emit) => {
      for (const [type, { count }] of Object.entries(memoryByType)) emit({ type }, count)
    },
  },
  {
    name: 'machine_dimm_capacity_bytes',
    help: 'Size of the memory modules of a type',
    type: 'gauge',
    values: ({ memoryByType }, emit) => {
      for (const [type, { capacityBytes }] of Object.entries(memoryByType)) emit({ type }, capacityBytes)
    },
  },
  {
    name: 'machine_nvm_capacity',
    help: 'Bytes of persistent memory by mode',
    type: 'gauge',
    values: ({ nvm }, emit) => {
      emit({ mode: 'memory_mode' }, nvm.memoryModeBytes)
      emit({ mode: 'app_direct_mode' }, nvm.appDirectBytes)
    },
  },
  single('machine_nvm_avg_power_budget_watts', 'Average power that persistent memory may take', ({ nvm }) => nvm.averagePowerBudgetWatts),
  single('machine_scrape_error', '1 when the machine could not be read', ({ cores }) => (cores > 0 ? 0 : 1)),
]

const topologyFamilies: readonly MachineFamily[] = [
  {
    name: 'machine_cpu_cache_capacity_bytes',
    help: 'Size of a cache of a core',
    type: 'gauge',
    values: ({ nodes }, emit) => {
      for (const { id, cores } of nodes) {
        for (const { coreId, caches } of cores) {
          for (const { type, level, sizeBytes } of caches) {
            emit({ node_id: String(id), core_id: String(coreId), type, level: String(level) }, sizeBytes)
          }
        }
      }
    },
  },
  {
    name: 'machine_thread_siblings_count',
    help: 'Threads of a core',
    // Upstream's name is that of a histogram's part, which a linter takes of this type alone.
    type: 'untyped',
    values: ({ nodes }, emit) => {
      for (const { id, cores } of nodes) {
        for (const { coreId, threads } of cores) emit({ node_id: String(id), core_id: String(coreId) }, threads.length)
      }
    },
  },
  {
    name: 'machine_node_memory_capacity_bytes',
    help: 'Memory of a NUMA node',
    type: 'gauge',
    values: ({ nodes }, emit) => {
      for (const { id, memoryBytes } of nodes) emit({ node_id: String(id) }, memoryBytes)
    },
  },
  {
    name: 'machine_node_hugepages_count',
    help: 'Huge pages of a NUMA node by size in KiB',
    type: 'untyped',
    values: ({ nodes }, emit) => {
      for (const { id, hugePages } of nodes) {
        for (const { pageSizeKb, count } of hugePages) emit({ node_id: String(id), page_size: String(pageSizeKb) }, count)
      }
    },
  },
  {
    name: 'machine_node_distance',
    help: 'Distance from a NUMA node to another, 10 to itself',
    type: 'gauge',
    values: ({ nodes }, emit) => {
      for (const { id, distances } of nodes) {
        for (const [index, distance] of distances.entries()) {
          emit({ node_id: String(id), target_node_id: String(nodes[index]?.id ?? index) }, distance)
        }
      }
    },
  },
]

function single(name: string, help: string, of: (machine: MachineInfo) => number): MachineFamily {
  return { name, help, type: 'gauge', values: (machine, emit) => emit({}, of(machine)) }
}

export interface Versions {
  readonly docker: string
  readonly collector: string
}

/** Writes what the machine is. */
export function renderMachine(text: Exposition, machine: MachineInfo): void {
  render(text, machine, families)
}

/** Writes cores, caches and NUMA nodes; a family has many series on a large machine. */
export function renderCpuTopology(text: Exposition, machine: MachineInfo): void {
  render(text, machine, topologyFamilies)
}

function render(text: Exposition, machine: MachineInfo, rows: readonly MachineFamily[]): void {
  const { machineId, systemUuid, bootId } = machine
  const own = { boot_id: bootId, machine_id: machineId, system_uuid: systemUuid }
  for (const family of rows) {
    const seen = new Set<string>()
    text.family(family)
    family.values(machine, (extra, value) => {
      const labels = renderLabels({ ...own, ...extra })
      const key = labels.toString('latin1')
      // Cores of several sockets can have the same number.
      if (seen.has(key)) return
      seen.add(key)
      text.sample(labels, value)
    })
  }
}

const versionsHelp = 'Versions of kernel, distribution, Docker and collector'

/** Writes the versions as upstream does, whose labels are no snake_case. */
export function renderUpstreamVersions(text: Exposition, { kernelVersion, osVersion }: MachineInfo, { docker, collector }: Versions): void {
  text.family({ name: 'cadvisor_version_info', help: versionsHelp, type: 'info' })
  text.sample(renderLabels({ cadvisorRevision: '', cadvisorVersion: collector, dockerVersion: docker, kernelVersion, osVersion }), 1)
}

/** Writes the versions with labels as Prometheus has them. */
export function renderVersions(text: Exposition, { kernelVersion, osVersion }: MachineInfo, { docker, collector }: Versions): void {
  text.family({ name: 'binnacle_collector_build_info', help: versionsHelp, type: 'info' })
  text.sample(renderLabels({ version: collector, docker_version: docker, kernel_version: kernelVersion, os_version: osVersion }), 1)
}
