import { maxNodeScore } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { amountOf, podRequests } from '../pod-requests.ts'
import type { PodRequests } from '../pod-requests.ts'
import { defaultResources } from '../scoring-strategy.ts'
import type { WeightedResource } from '../scoring-strategy.ts'

export interface NodeResourcesBalancedAllocationArgs {
  /** Weights other than 1 are refused, as upstream. */
  readonly resources?: readonly WeightedResource[]
}

/** The share of a resource that would be in use; `undefined` for one that the node hasn't, or a device that the pod doesn't want. */
function shareOf(node: NodeInfo, name: string, { requests }: PodRequests): number | undefined {
  const allocatable = node.allocatable(name)
  const own = amountOf(requests, name)
  if (allocatable === 0 || (own === 0 && name !== 'cpu' && name !== 'memory')) return undefined
  return Math.min(1, (node.requested(name) + own) / allocatable)
}

function deviationOf(node: NodeInfo, names: readonly string[], requests: PodRequests): number {
  const shares: number[] = []
  for (const name of names) {
    const share = shareOf(node, name, requests)
    if (share !== undefined) shares.push(share)
  }
  if (shares.length === 2) return Math.abs(shares[0]! - shares[1]!) / 2
  if (shares.length < 2) return 0
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  return Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length)
}

/** Prefers nodes whose resources would be used to a similar share: 100 minus the standard deviation of the shares. Pods without requests don't care. */
export function createNodeResourcesBalancedAllocation({
  resources = defaultResources,
}: NodeResourcesBalancedAllocationArgs): Plugin<never, PodRequests> {
  const names = resources.map(({ name }) => name)
  return {
    name: 'NodeResourcesBalancedAllocation',
    preScore: (pod) => {
      const requests = podRequests(pod)
      return names.some((name) => amountOf(requests.requests, name) > 0) ? requests : undefined
    },
    score: (_pod, node, requests) => Math.trunc((1 - deviationOf(node, names, requests)) * maxNodeScore),
  }
}
