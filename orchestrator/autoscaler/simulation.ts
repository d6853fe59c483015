import type { AppsV1DaemonSet, CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { ClusterCache } from '../scheduler/cluster-cache.ts'
import { createNodeCheck } from '../scheduler/decide.plan.ts'
import type { Profile, Refusal } from '../scheduler/framework.ts'
import type { NodeInfo } from '../scheduler/node-info.ts'
import { freshNode } from './nodes.ts'

export interface SimulationInput {
  readonly nodes: Iterable<CoreV1Node>
  readonly pods: Iterable<CoreV1Pod>
  readonly daemonSets: Iterable<AppsV1DaemonSet>
  /** The filters are the scheduler's own. */
  readonly profile: Profile
}

/** A cluster to try things out on: what would fit where. What is tried can be taken back. */
export class Simulation {
  readonly #cache = new ClusterCache()
  readonly #profile: Profile
  readonly #daemonSets: readonly AppsV1DaemonSet[]

  constructor({ nodes, pods, daemonSets, profile }: SimulationInput) {
    this.#profile = profile
    this.#daemonSets = [...daemonSets]
    for (const node of nodes) this.#cache.setNode(node)
    for (const pod of pods) if (pod.spec.nodeName !== undefined) this.#cache.setPod(pod)
  }

  node(name: string): NodeInfo | undefined {
    return this.#cache.node(name)
  }

  /** Adds a node as the template, with the daemons that would come to it. Answers its name. */
  addNode(template: CoreV1Node, name: string): string {
    this.#cache.setNode(freshNode(template, name))
    for (const set of this.#daemonSets) {
      const pod = daemonPod(set, name)
      if (this.whyNot(pod, name) === undefined) this.#cache.assume(pod, name)
    }
    return name
  }

  removeNode(name: string): void {
    for (const uid of this.#cache.node(name)?.pods.keys() ?? []) this.#cache.removePod(uid)
    this.#cache.removeNode(name)
  }

  /** Why a pod doesn't fit on a node. */
  whyNot(pod: CoreV1Pod, nodeName: string): Refusal | undefined {
    const info = this.#cache.node(nodeName)!
    return createNodeCheck({ pod, cache: this.#cache, profile: this.#profile })(info)
  }

  /** Puts a pod on the first node that takes it, and answers which; `undefined` where none does. */
  place(pod: CoreV1Pod, isAllowed: (node: CoreV1Node) => boolean): string | undefined {
    const check = createNodeCheck({ pod, cache: this.#cache, profile: this.#profile })
    for (const info of this.#cache.nodes) {
      if (!isAllowed(info.node!) || check(info) !== undefined) continue
      this.#cache.assume(pod, info.name)
      return info.name
    }
    return undefined
  }

  put(pod: CoreV1Pod, nodeName: string): void {
    this.#cache.assume(pod, nodeName)
  }

  take(pod: CoreV1Pod): void {
    this.#cache.removePod(pod.metadata.uid!)
  }
}

/** A pod as if it had no node yet. */
export function withoutNode(pod: CoreV1Pod): CoreV1Pod {
  const { nodeName: _, ...spec } = pod.spec
  return { ...pod, spec }
}

function daemonPod({ metadata, spec }: AppsV1DaemonSet, nodeName: string): CoreV1Pod {
  const uid = `${metadata.uid}/${nodeName}`
  const { template } = spec
  const tolerations = [...(template.spec!.tolerations ?? []), { key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, name: `${metadata.name}-${nodeName}`, namespace: metadata.namespace!, uid },
    spec: { ...template.spec!, tolerations },
  }
}
