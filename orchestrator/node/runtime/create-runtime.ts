import type { Clock } from '../../../lib/clock.ts'
import { connectToDocker } from './docker/docker-engine.ts'
import { DockerRuntime } from './docker/docker-runtime.ts'
import type { ContainerRuntime } from './runtime.ts'
import type { Traces } from './simulated/load-curve.ts'
import { LoadGroups } from './simulated/load-group.ts'
import { SimulatedRuntime } from './simulated/simulated-runtime.ts'

/** Pods on a Docker engine: `unix:///var/run/docker.sock`, `tcp://host:port`. */
export function createDockerRuntime(options: { readonly url: string; readonly clock: Clock; readonly nodePath: string }): ContainerRuntime {
  return new DockerRuntime({ docker: connectToDocker(options.url), clock: options.clock, nodePath: options.nodePath })
}

/** A node in memory. `usage()` of the result is what its containers use. */
export function createSimulatedRuntime(options: {
  readonly clock: Clock
  readonly nodeName: string
  readonly cpus?: number
  readonly memoryBytes?: number
  readonly architecture?: string
  readonly startLatencyMs?: number
  /** Shared by the nodes of a process whose containers share loads. */
  readonly groups?: LoadGroups
  readonly traces?: Traces
}): SimulatedRuntime {
  const defaults = { cpus: 8, memoryBytes: 16 * 1024 ** 3, architecture: 'amd64', startLatencyMs: 0, traces: new Map() }
  return new SimulatedRuntime({ groups: new LoadGroups(), ...defaults, ...options })
}
