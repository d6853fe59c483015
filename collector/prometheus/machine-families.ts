import type { MachineInfo } from '../machine/machine-info.ts'
import { formatLabels } from './exposition.ts'
import type { Exposition, Family } from './exposition.ts'

interface MachineFamily extends Family {
  readonly value: (machine: MachineInfo) => number
}

const families: readonly MachineFamily[] = [
  { name: 'machine_cpu_physical_cores', help: 'Physical cores', type: 'gauge', value: ({ physicalCores }) => physicalCores },
  { name: 'machine_cpu_cores', help: 'Logical cores', type: 'gauge', value: ({ cores }) => cores },
  { name: 'machine_cpu_sockets', help: 'Sockets', type: 'gauge', value: ({ sockets }) => sockets },
  { name: 'machine_memory_bytes', help: 'Memory of the machine', type: 'gauge', value: ({ memoryBytes }) => memoryBytes },
  { name: 'machine_swap_bytes', help: 'Swap of the machine', type: 'gauge', value: ({ swapBytes }) => swapBytes },
  { name: 'machine_scrape_error', help: '1 when the machine could not be read', type: 'gauge', value: ({ cores }) => (cores > 0 ? 0 : 1) },
]

export interface Versions {
  readonly docker: string
  readonly collector: string
}

/** Writes what the machine is. */
export function renderMachine(text: Exposition, machine: MachineInfo): void {
  const { machineId, systemUuid, bootId } = machine
  const labels = formatLabels({ boot_id: bootId, machine_id: machineId, system_uuid: systemUuid })
  for (const family of families) {
    text.family(family)
    text.sample(labels, family.value(machine))
  }
}

const versionsHelp = 'Versions of kernel, distribution, Docker and collector'

/** Writes the versions as upstream does, whose labels are no snake_case. */
export function renderUpstreamVersions(text: Exposition, { kernelVersion, osVersion }: MachineInfo, { docker, collector }: Versions): void {
  text.family({ name: 'cadvisor_version_info', help: versionsHelp, type: 'gauge' })
  text.sample(formatLabels({ cadvisorRevision: '', cadvisorVersion: collector, dockerVersion: docker, kernelVersion, osVersion }), 1)
}

/** Writes the versions with labels as Prometheus has them. */
export function renderVersions(text: Exposition, { kernelVersion, osVersion }: MachineInfo, { docker, collector }: Versions): void {
  text.family({ name: 'binnacle_collector_build_info', help: versionsHelp, type: 'gauge' })
  text.sample(formatLabels({ version: collector, docker_version: docker, kernel_version: kernelVersion, os_version: osVersion }), 1)
}
