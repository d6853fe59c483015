import {
  AppsV1ReplicaSet,
  AppsV1StatefulSet,
  CoreV1Namespace,
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  CoreV1ReplicationController,
  CoreV1Service,
  PolicyV1PodDisruptionBudget,
  ResourceV1ResourceClaim,
  StorageV1CSINode,
  StorageV1StorageClass,
} from '../api/generated/kinds.ts'
import type { Kind } from '../api/object.ts'
import type { Client } from '../client/client.ts'
import type { InformerFactory } from '../client/informer.ts'
import type { Namespaces } from './affinity-terms.ts'
import type { AnyPlugin, PreemptionLimits } from './framework.ts'
import { createOwnSelectorFinder } from './own-selector.ts'
import { createDefaultBinder } from './plugins/default-binder.ts'
import { createDynamicResources } from './plugins/dynamic-resources.ts'
import { imageLocality } from './plugins/image-locality.ts'
import { createInterPodAffinity } from './plugins/inter-pod-affinity.ts'
import type { InterPodAffinityArgs } from './plugins/inter-pod-affinity.ts'
import { createNodeAffinity } from './plugins/node-affinity.ts'
import type { NodeAffinityArgs } from './plugins/node-affinity.ts'
import { nodeName } from './plugins/node-name.ts'
import { nodePorts } from './plugins/node-ports.ts'
import { createNodeResourcesBalancedAllocation } from './plugins/node-resources-balanced-allocation.ts'
import type { NodeResourcesBalancedAllocationArgs } from './plugins/node-resources-balanced-allocation.ts'
import { createNodeResourcesFit } from './plugins/node-resources-fit.ts'
import type { NodeResourcesFitArgs } from './plugins/node-resources-fit.ts'
import { nodeUnschedulable } from './plugins/node-unschedulable.ts'
import { createNodeVolumeLimits } from './plugins/node-volume-limits.ts'
import { createPodTopologySpread } from './plugins/pod-topology-spread.ts'
import type { FindOwnSelector, PodTopologySpreadArgs } from './plugins/pod-topology-spread.ts'
import { prioritySort } from './plugins/priority-sort.ts'
import { schedulingGates } from './plugins/scheduling-gates.ts'
import { taintToleration } from './plugins/taint-toleration.ts'
import { createVolumeBinding } from './plugins/volume-binding.ts'
import { createVolumeRestrictions } from './plugins/volume-restrictions.ts'
import { createVolumeZone } from './plugins/volume-zone.ts'

/** The points that a configuration can name. Of those after `reserve`, plugins implement `bind` alone; volumes are bound after their pods. */
export const points = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const
export type Point = (typeof points)[number]

/** The arguments that plugins take, by plugin. */
export interface PluginArguments {
  readonly DefaultPreemption?: Partial<PreemptionLimits>
  readonly InterPodAffinity?: InterPodAffinityArgs
  readonly NodeAffinity?: NodeAffinityArgs
  readonly NodeResourcesBalancedAllocation?: NodeResourcesBalancedAllocationArgs
  readonly NodeResourcesFit?: NodeResourcesFitArgs
  readonly PodTopologySpread?: PodTopologySpreadArgs
}

/** What plugins look into. */
export interface PluginServices {
  readonly client: Client
  readonly informers: InformerFactory
  readonly namespaces: Namespaces
  readonly findOwnSelector: FindOwnSelector
}

interface Entry {
  /** The points at which upstream's plugin of that name is enabled. */
  readonly points: readonly Point[]
  /** Of its scores, by default. */
  readonly weight?: number
  create(services: PluginServices, args: PluginArguments): AnyPlugin
}

const filtering = ['preFilter', 'filter'] as const
const scoring = ['preScore', 'score'] as const
const preemption: AnyPlugin = { name: 'DefaultPreemption' }

const entry = (plugin: Entry): Entry => plugin

/** Every plugin, in upstream's order, which is the order in which filters are asked. */
export const registry = {
  SchedulingGates: entry({ points: ['preEnqueue'], create: () => schedulingGates }),
  PrioritySort: entry({ points: ['queueSort'], create: () => prioritySort }),
  NodeUnschedulable: entry({ points: filtering, create: () => nodeUnschedulable }),
  NodeName: entry({ points: filtering, create: () => nodeName }),
  TaintToleration: entry({ points: ['filter', ...scoring], weight: 3, create: () => taintToleration }),
  NodeAffinity: entry({
    points: [...filtering, ...scoring],
    weight: 2,
    create: (_, args) => createNodeAffinity(args.NodeAffinity ?? {}),
  }),
  NodePorts: entry({ points: filtering, create: () => nodePorts }),
  NodeResourcesFit: entry({
    points: [...filtering, ...scoring],
    weight: 1,
    create: (_, args) => createNodeResourcesFit(args.NodeResourcesFit ?? {}),
  }),
  VolumeRestrictions: entry({ points: filtering, create: ({ informers }) => createVolumeRestrictions(informers) }),
  NodeVolumeLimits: entry({ points: filtering, create: ({ informers }) => createNodeVolumeLimits(informers) }),
  VolumeBinding: entry({ points: [...filtering, 'reserve', 'preBind'], create: ({ informers }) => createVolumeBinding(informers) }),
  VolumeZone: entry({ points: filtering, create: ({ informers }) => createVolumeZone(informers) }),
  PodTopologySpread: entry({
    points: [...filtering, ...scoring],
    weight: 2,
    create: ({ findOwnSelector }, args) => createPodTopologySpread(findOwnSelector, args.PodTopologySpread ?? {}),
  }),
  InterPodAffinity: entry({
    points: [...filtering, ...scoring],
    weight: 2,
    create: ({ namespaces }, args) => createInterPodAffinity(namespaces, args.InterPodAffinity ?? {}),
  }),
  DynamicResources: entry({ points: filtering, create: ({ informers }) => createDynamicResources(informers) }),
  DefaultPreemption: entry({ points: ['postFilter'], create: () => preemption }),
  NodeResourcesBalancedAllocation: entry({
    points: scoring,
    weight: 1,
    create: (_, args) => createNodeResourcesBalancedAllocation(args.NodeResourcesBalancedAllocation ?? {}),
  }),
  ImageLocality: entry({ points: scoring, weight: 1, create: () => imageLocality }),
  DefaultBinder: entry({ points: ['bind'], create: ({ client }) => createDefaultBinder({ client }) }),
}
export type PluginName = keyof typeof registry

export const pluginNames = Object.keys(registry) as PluginName[]

/** A change of one of these may let a pod with volumes or resource claims go ahead. */
export const storageKinds: readonly Kind[] = [
  CoreV1PersistentVolumeClaim,
  CoreV1PersistentVolume,
  StorageV1StorageClass,
  StorageV1CSINode,
  ResourceV1ResourceClaim,
]

/** All that decisions look at. */
export const watchedKinds: readonly Kind[] = [
  CoreV1Node,
  CoreV1Pod,
  CoreV1Service,
  CoreV1ReplicationController,
  AppsV1ReplicaSet,
  AppsV1StatefulSet,
  ...storageKinds,
  CoreV1Namespace,
  PolicyV1PodDisruptionBudget,
]

/** What plugins look into, over the caches of `informers`; asks for the caches that they need. */
export function createPluginServices({ client, informers }: Pick<PluginServices, 'client' | 'informers'>): PluginServices {
  for (const kind of watchedKinds) informers.informer(kind)
  const namespaces = informers.informer(CoreV1Namespace)
  return {
    client,
    informers,
    namespaces: { labelsOf: (name) => namespaces.get(name)?.metadata.labels },
    findOwnSelector: createOwnSelectorFinder(informers),
  }
}
