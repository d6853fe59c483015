import type { CoreV1ConfigMap } from './generated/kinds.ts'

/** On a Node: the range of the pod network that it has had, and gets again where it is free. */
export const preferredPodCidrAnnotation = 'binnacle.dev/pod-cidr'

/** Which nodes were taken out of the cluster for good; nodes may read it. One that is only deleted is registered again by its agent. */
export const removedNodesKey = { namespace: 'kube-system', name: 'binnacle-removed-nodes' } as const

/** Whether the Node of that uid is one of them. A node of the same name that has joined anew is another one. */
export const isRemoved = ({ data = {} }: CoreV1ConfigMap, node: { readonly name: string; readonly uid: string }): boolean =>
  data[node.name] === node.uid
