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
  StorageV1StorageClass,
} from '../api/generated/kinds.ts'
import { matchesLabels } from '../api/labels.ts'
import type { Kind } from '../api/object.ts'
import type { Client } from '../client/client.ts'
import type { InformerFactory } from '../client/informer.ts'
import type { Namespaces } from './affinity-terms.ts'
import type { AnyPlugin } from './framework.ts'
import { createOwnSelectorFinder } from './own-selector.ts'
import { createPlugins } from './plugins.ts'
import { createDefaultBinder } from './plugins/default-binder.ts'
import { createInterPodAffinity } from './plugins/inter-pod-affinity.ts'
import { createVolumeBinding } from './plugins/volume-binding.ts'

/** A change of one of these may let a pod with volumes go ahead. */
export const storageKinds: readonly Kind[] = [CoreV1PersistentVolumeClaim, CoreV1PersistentVolume, StorageV1StorageClass]

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

/** Every plugin over the caches of `informers`, and asks for the caches that they need. */
export function createAllPlugins({
  client,
  informers,
}: {
  readonly client: Client
  readonly informers: InformerFactory
}): readonly AnyPlugin[] {
  for (const kind of watchedKinds) informers.informer(kind)
  return [
    ...createPlugins({ findOwnSelector: createOwnSelectorFinder(informers) }),
    createVolumeBinding(informers),
    createInterPodAffinity(createNamespaces(informers)),
    createDefaultBinder({ client }),
  ]
}

function createNamespaces(informers: InformerFactory): Namespaces {
  const namespaces = informers.informer(CoreV1Namespace)
  return {
    labelsOf: (name) => namespaces.get(name)?.metadata.labels,
    matching: (selector) =>
      [...namespaces.list()].filter(({ metadata }) => matchesLabels(selector, metadata.labels)).map(({ metadata }) => metadata.name!),
  }
}
