import { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim } from '../../api/generated/kinds.ts'
import { claimsOfPod } from '../../api/persistent-volumes.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { finalRefusal } from '../framework.ts'
import type { Plugin } from '../framework.ts'

const refusal = finalRefusal('node(s) had no available volume zone')

/** The labels of volumes that say where they are, with the one by which a node may say so instead. */
const topologyLabels = new Map([
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['topology.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['topology.kubernetes.io/region', 'topology.kubernetes.io/region'],
])

interface Place {
  readonly key: string
  readonly values: readonly string[]
}

/** Keeps pods in the zones and regions that the labels of their volumes name. */
export function createVolumeZone(informers: InformerFactory): Plugin<readonly Place[]> {
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  const volumes = informers.informer(CoreV1PersistentVolume)
  return {
    name: 'VolumeZone',
    wakesOn: ['node-added', 'node-changed', 'storage-changed'],
    preFilter: (pod) => {
      if (pod.spec.volumes === undefined) return undefined
      const places = claimsOfPod(pod.metadata.name!, pod.spec).flatMap((name): readonly Place[] => {
        const volume = volumes.get(claims.get(`${pod.metadata.namespace}/${name}`)?.spec?.volumeName ?? '')
        return Object.entries(volume?.metadata.labels ?? {}).flatMap(([key, value]) =>
          topologyLabels.has(key) ? [{ key, values: value.split('__') }] : [],
        )
      })
      return places.length === 0 ? undefined : { state: places }
    },
    filter: (_pod, { node }, places) => {
      const labels = node!.metadata.labels ?? {}
      // A cluster of one zone needs no labels.
      if (![...topologyLabels.keys()].some((key) => labels[key] !== undefined)) return undefined
      const isThere = places.every(({ key, values }) => values.includes(labels[key] ?? labels[topologyLabels.get(key)!] ?? ''))
      return isThere ? undefined : refusal
    },
  }
}
