import { maxNodeScore } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { podRequests } from '../pod-requests.ts'
import type { PodRequests } from '../pod-requests.ts'

function fractionOf(node: NodeInfo, name: string, requests: PodRequests): number {
  const allocatable = node.allocatable.get(name) ?? 0
  return allocatable === 0 ? 1 : Math.min(1, ((node.requested.get(name) ?? 0) + (requests.requests.get(name) ?? 0)) / allocatable)
}

/** Prefers nodes on which CPU and memory would be used to a similar share: 100 minus the standard deviation of the shares. Pods without requests don't care. */
export const nodeResourcesBalancedAllocation: Plugin<PodRequests> = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  preFilter: (pod) => {
    const requests = podRequests(pod)
    return requests.requests.has('cpu') || requests.requests.has('memory') ? requests : undefined
  },
  score: (_pod, node, requests) => {
    const deviation = Math.abs(fractionOf(node, 'cpu', requests) - fractionOf(node, 'memory', requests)) / 2
    return Math.trunc((1 - deviation) * maxNodeScore)
  },
}
