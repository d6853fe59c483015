import { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim, StorageV1CSINode, StorageV1StorageClass } from '../../api/generated/kinds.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { claimsOfPod, classOf } from '../../api/persistent-volumes.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { refusal } from '../framework.ts'
import type { Plugin } from '../framework.ts'

const limitRefusal = refusal('node(s) exceed max volume count')

/** Volumes by the driver that attaches them. */
type Attached = ReadonlyMap<string, ReadonlySet<string>>

/** Keeps the volumes of each driver on a node within what its CSINode says that the driver can attach there. */
export function createNodeVolumeLimits(informers: InformerFactory): Plugin<Attached> {
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  const volumes = informers.informer(CoreV1PersistentVolume)
  const classes = informers.informer(StorageV1StorageClass)
  const csiNodes = informers.informer(StorageV1CSINode)

  function collect(pod: CoreV1Pod, attached: Map<string, Set<string>>): void {
    const add = (driver: string, volume: string) => {
      const known = attached.get(driver)
      if (known === undefined) attached.set(driver, new Set([volume]))
      else known.add(volume)
    }
    for (const { name, csi } of pod.spec.volumes ?? []) if (csi !== undefined) add(csi.driver, `${pod.metadata.uid}/${name}`)
    for (const name of claimsOfPod(pod.metadata.name!, pod.spec)) {
      const key = `${pod.metadata.namespace}/${name}`
      const claim = claims.get(key)
      const volume = volumes.get(claim?.spec?.volumeName ?? '')
      const driver = volume === undefined ? classes.get(claim === undefined ? '' : classOf(claim))?.provisioner : volume.spec?.csi?.driver
      if (driver !== undefined) add(driver, volume?.spec?.csi?.volumeHandle ?? key)
    }
  }

  return {
    name: 'NodeVolumeLimits',
    wakesOn: ['node-added', 'pod-removed', 'storage-changed'],
    isHelped: (_pod, change) => change.event !== 'pod-removed' || (change.pod.spec.volumes?.length ?? 0) > 0,
    preFilter: (pod) => {
      if (pod.spec.volumes === undefined) return undefined
      const wanted = new Map<string, Set<string>>()
      collect(pod, wanted)
      return wanted.size === 0 ? undefined : { state: wanted }
    },
    filter: (_pod, info, wanted) => {
      const limits = (csiNodes.get(info.name)?.spec.drivers ?? []).flatMap(({ name, allocatable }) =>
        allocatable?.count !== undefined && wanted.has(name) ? [{ name, limit: allocatable.count }] : [],
      )
      if (limits.length === 0) return undefined
      const attached = new Map<string, Set<string>>()
      for (const pod of info.pods.values()) collect(pod, attached)
      const isOver = limits.some(({ name, limit }) => new Set([...(attached.get(name) ?? []), ...wanted.get(name)!]).size > limit)
      return isOver ? limitRefusal : undefined
    },
  }
}
