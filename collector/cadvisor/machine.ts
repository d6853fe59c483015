import type { DockerState } from '../docker/docker-source.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import type { MachineInfo } from '../machine/machine-info.ts'
import type { CpuCache } from '../machine/topology.ts'

/** cAdvisor's `MachineInfo`, one odd key with a blank included. */
export function machineInfo(machine: MachineInfo, fileSystems: readonly FileSystem[], nowMs: number) {
  const hugepages = machine.hugePages.map(({ pageSizeKb, count }) => ({ page_size: pageSizeKb, num_pages: count }))
  return {
    timestamp: timeOf(nowMs),
    vendor_id: machine.vendorId,
    num_cores: machine.cores,
    num_physical_cores: machine.physicalCores,
    num_sockets: machine.sockets,
    cpu_frequency_khz: machine.cpuFrequencyKhz,
    memory_capacity: machine.memoryBytes,
    swap_capacity: machine.swapBytes,
    ...(machine.books === 0 ? {} : { num_books: machine.books }),
    ...(machine.drawers === 0 ? {} : { num_drawers: machine.drawers }),
    memory_by_type: Object.fromEntries(
      Object.entries(machine.memoryByType).map(([type, { capacityBytes, count }]) => [
        type,
        { capacity: capacityBytes, dimm_count: count },
      ]),
    ),
    nvm: {
      memory_mode_capacity: machine.nvm.memoryModeBytes,
      'app direct_mode_capacity': machine.nvm.appDirectBytes,
      avg_power_budget: machine.nvm.averagePowerBudgetWatts,
    },
    hugepages,
    machine_id: machine.machineId,
    system_uuid: machine.systemUuid,
    boot_id: machine.bootId,
    filesystems: fileSystems.map(({ device, capacityBytes, inodes }) => ({
      device,
      capacity: capacityBytes,
      type: 'vfs',
      inodes,
      has_inodes: true,
    })),
    disk_map: Object.fromEntries(
      machine.disks.map(({ name, major, minor, sizeBytes, scheduler }) => [
        `${major}:${minor}`,
        { name, major, minor, size: sizeBytes, scheduler },
      ]),
    ),
    network_devices: machine.networkDevices.map(({ name, macAddress, speedMbits, mtu }) => ({
      name,
      mac_address: macAddress,
      speed: speedMbits,
      mtu,
    })),
    topology: topologyOf(machine),
    cloud_provider: machine.cloudProvider,
    instance_type: 'Unknown',
    instance_id: 'None',
  }
}

function topologyOf({ nodes }: MachineInfo) {
  return nodes.map((node) => ({
    node_id: node.id,
    memory: node.memoryBytes,
    hugepages: node.hugePages.map(({ pageSizeKb, count }) => ({ page_size: pageSizeKb, num_pages: count })),
    cores: node.cores.map(({ coreId, socketId, threads, caches, uncoreCaches }) => ({
      core_id: coreId,
      thread_ids: threads,
      caches: caches.map(cacheOf),
      uncore_caches: orNull(uncoreCaches.map(cacheOf)),
      socket_id: socketId,
    })),
    caches: orNull(node.caches.map(cacheOf)),
    distances: node.distances,
  }))
}

/** An empty list is `null` in Go's JSON. */
function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list
}

/** cAdvisor's v2 `Attributes`: versions and most of the machine. */
export function attributes(
  machine: MachineInfo,
  fileSystems: readonly FileSystem[],
  { docker, version, nowMs }: { readonly docker: DockerState; readonly version: string; readonly nowMs: number },
) {
  const info = machineInfo(machine, fileSystems, nowMs)
  return {
    kernel_version: machine.kernelVersion,
    container_os_version: machine.osVersion,
    docker_version: docker.status === 'connected' ? docker.info.version : '',
    docker_api_version: docker.status === 'connected' ? docker.info.apiVersion : '',
    cadvisor_version: version,
    num_cores: info.num_cores,
    cpu_frequency_khz: info.cpu_frequency_khz,
    memory_capacity: info.memory_capacity,
    machine_id: info.machine_id,
    system_uuid: info.system_uuid,
    hugepages: info.hugepages,
    filesystems: info.filesystems,
    disk_map: info.disk_map,
    network_devices: info.network_devices,
    topology: info.topology,
    cloud_provider: info.cloud_provider,
    instance_type: info.instance_type,
  }
}

function cacheOf({ id, sizeBytes, type, level }: CpuCache) {
  return { id, size: sizeBytes, type, level }
}
