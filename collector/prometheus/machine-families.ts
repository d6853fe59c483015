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

/** Writes what the machine is. */
export function renderMachine(
  text: Exposition,
  machine: MachineInfo,
  versions: { readonly docker: string; readonly collector: string },
): void {
  const { machineId, systemUuid, bootId } = machine
  const labels = formatLabels({ boot_id: bootId, machine_id: machineId, system_uuid: systemUuid })
  for (const family of families) {
    text.family(family)
    text.sample(labels, family.value(machine))
  }
  text.family({ name: 'cadvisor_version_info', help: 'Versions of kernel, distribution, Docker and collector', type: 'gauge' })
  text.sample(
    formatLabels({
      cadvisorRevision: '',
      cadvisorVersion: versions.collector,
      dockerVersion: versions.docker,
      kernelVersion: machine.kernelVersion,
      osVersion: machine.osVersion,
    }),
    1,
  )
}
