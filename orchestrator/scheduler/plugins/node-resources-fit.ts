import { maxNodeScore } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { podRequests } from '../pod-requests.ts'
import type { PodRequests } from '../pod-requests.ts'

/** Resources without a limit where a node doesn't state one. */
const defaultMaxPods = 110
const emptyScore = (requested: number, allocatable: number) =>
  allocatable === 0 || requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * maxNodeScore) / allocatable)

function findShortages(node: NodeInfo, { requests }: PodRequests): readonly string[] | undefined {
  let shortages: string[] | undefined
  if (node.pods.size + 1 > (node.allocatable.get('pods') ?? defaultMaxPods)) shortages = ['Too many pods']
  for (const [name, amount] of requests) {
    if (amount === 0) continue
    if (amount > (node.allocatable.get(name) ?? 0) - (node.requested.get(name) ?? 0)) (shortages ??= []).push(`Insufficient ${name}`)
  }
  return shortages
}

/** Keeps a node's requests within what it can allocate, and prefers nodes with more left of CPU and memory (LeastAllocated). */
export const nodeResourcesFit: Plugin<PodRequests> = {
  name: 'NodeResourcesFit',
  weight: 1,
  wakesOn: ['node-added', 'node-changed', 'pod-removed', 'pod-changed'],
  preFilter: podRequests,
  filter: (_pod, node, requests) => findShortages(node, requests),
  score: (_pod, node, { scoredCpuMillicores, scoredMemoryBytes }) => {
    const cpu = emptyScore(node.scoredCpuMillicores + scoredCpuMillicores, node.allocatable.get('cpu') ?? 0)
    const memory = emptyScore(node.scoredMemoryBytes + scoredMemoryBytes, node.allocatable.get('memory') ?? 0)
    return Math.trunc((cpu + memory) / 2)
  },
}
