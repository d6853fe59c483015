import { createFakeNode, createFakePod } from '../../aggregator/fake-cluster.ts'
import type { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'

/** How large a simulated cluster is. */
export interface ClusterSize {
  readonly nodes: number
  readonly podsPerNode: number
}

/** What the processes of a run tell each other first. */
export interface Credentials {
  readonly ca: string
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
}

export const nodeName = (index: number): string => `node-${index}`

export function simulateNode(index: number, port: number): CoreV1Node {
  return createFakeNode(nodeName(index), '127.0.0.1', port)
}

/** The pods of a node: two containers each, 30 namespaces, one ReplicationController per namespace. */
export function simulatePods(index: number, podsPerNode: number): CoreV1Pod[] {
  return Array.from({ length: podsPerNode }, (_, pod) =>
    createFakePod(`pod-${index}-${pod}`, {
      node: nodeName(index),
      namespace: `ns-${pod}`,
      containers: ['app', 'sidecar'],
      owner: { kind: 'ReplicationController', name: 'load' },
    }),
  )
}
