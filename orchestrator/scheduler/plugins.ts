import type { AnyPlugin } from './framework.ts'
import { imageLocality } from './plugins/image-locality.ts'
import { nodeAffinity } from './plugins/node-affinity.ts'
import { nodeName } from './plugins/node-name.ts'
import { nodePorts } from './plugins/node-ports.ts'
import { nodeResourcesBalancedAllocation } from './plugins/node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from './plugins/node-resources-fit.ts'
import { nodeUnschedulable } from './plugins/node-unschedulable.ts'
import { createPodTopologySpread } from './plugins/pod-topology-spread.ts'
import type { FindOwnSelector } from './plugins/pod-topology-spread.ts'
import { prioritySort } from './plugins/priority-sort.ts'
import { schedulingGates } from './plugins/scheduling-gates.ts'
import { taintToleration } from './plugins/taint-toleration.ts'

/** Every plugin, in the order in which filters are asked. Those that need client or caches, binder and volumes, come from the app. */
export const createPlugins = (options: { readonly findOwnSelector: FindOwnSelector }): readonly AnyPlugin[] => [
  schedulingGates,
  prioritySort,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  createPodTopologySpread(options),
  nodeResourcesBalancedAllocation,
  imageLocality,
]
