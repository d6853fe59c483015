import type { CoreV1ContainerPort } from '../../api/generated/kinds.ts'
import { refusal } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import { hostPortsOf, portKey } from '../node-info.ts'
import type { NodeInfo } from '../node-info.ts'

const taken = refusal("node(s) didn't have free ports for the requested pod ports")

/** The wildcard address takes a port on every address, and any address in use takes it from the wildcard. */
function isTaken({ hostPorts }: NodeInfo, port: CoreV1ContainerPort): boolean {
  const { protocol = 'TCP', hostIP, hostPort } = port
  if (hostPorts.has(portKey(port)) || hostPorts.has(portKey({ ...port, hostIP: '0.0.0.0' }))) return true
  if (hostIP !== undefined && hostIP !== '' && hostIP !== '0.0.0.0') return false
  for (const used of hostPorts.keys()) if (used.startsWith(`${protocol}/`) && used.endsWith(`/${hostPort}`)) return true
  return false
}

/** Keeps pods with host ports off nodes where one of them is in use. */
export const nodePorts: Plugin<readonly CoreV1ContainerPort[]> = {
  name: 'NodePorts',
  wakesOn: ['node-added', 'pod-removed'],
  isHelped: (pod, change) => {
    if (change.event !== 'pod-removed') return true
    const freed = new Set(hostPortsOf(change.pod).map(({ hostPort }) => hostPort))
    return hostPortsOf(pod).some(({ hostPort }) => freed.has(hostPort))
  },
  preFilter: (pod) => {
    const ports = hostPortsOf(pod)
    return ports.length === 0 ? undefined : { state: ports }
  },
  filter: (_pod, node, ports) => (node.hostPorts.size > 0 && ports.some((port) => isTaken(node, port)) ? taken : undefined),
}
