import type { Reader } from './reader.ts'

/** Whether memory moves with a cgroup to other nodes; v1 alone has the switch. */
export const cpusetV1: Reader = {
  name: 'cpuset',
  version: 'v1',
  files: [
    {
      controller: 'cpuset',
      file: 'cpuset.memory_migrate',
      subject: 'cpuset',
      every: 'slow',
      metrics: [],
      also: 'memory migration',
      isOptional: true,
      parse: (scanner, { details }) => {
        const value = scanner.number()
        details.memoryMigrate = Number.isNaN(value) ? undefined : value
      },
    },
  ],
}
