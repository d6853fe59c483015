import { CoreV1PersistentVolumeClaim } from '../../api/generated/kinds.ts'
import type { CoreV1Pod, CoreV1Volume } from '../../api/generated/kinds.ts'
import { claimsOfPod } from '../../api/persistent-volumes.ts'
import type { InformerFactory } from '../../client/informer.ts'
import type { Snapshot } from '../cluster-cache.ts'
import { finalRefusal, refusal } from '../framework.ts'
import type { Plugin } from '../framework.ts'

const diskRefusal = refusal('node(s) had no available disk')
const onlyPodRefusal = refusal('node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode')

interface RestrictedState {
  /** Disks that can't be shared at will. */
  readonly disks: readonly CoreV1Volume[]
  /** Claims that one pod alone may use. */
  readonly onlyPod: readonly string[]
  readonly snapshot: Snapshot
}

const isDisk = ({ gcePersistentDisk, awsElasticBlockStore, rbd, iscsi }: CoreV1Volume) =>
  (gcePersistentDisk ?? awsElasticBlockStore ?? rbd ?? iscsi) !== undefined

/** Whether both volumes are one disk that the two can't have together. */
function isConflict(a: CoreV1Volume, b: CoreV1Volume): boolean {
  const areReaders = (x: { readonly readOnly?: boolean }, y: { readonly readOnly?: boolean }) => x.readOnly === true && y.readOnly === true
  if (a.awsElasticBlockStore !== undefined) return a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore?.volumeID
  const [gceA, gceB, iscsiA, iscsiB, rbdA, rbdB] = [a.gcePersistentDisk, b.gcePersistentDisk, a.iscsi, b.iscsi, a.rbd, b.rbd]
  if (gceA !== undefined && gceB !== undefined) return gceA.pdName === gceB.pdName && !areReaders(gceA, gceB)
  if (iscsiA !== undefined && iscsiB !== undefined) return iscsiA.iqn === iscsiB.iqn && !areReaders(iscsiA, iscsiB)
  if (rbdA === undefined || rbdB === undefined || areReaders(rbdA, rbdB)) return false
  const isSame = rbdA.image === rbdB.image && (rbdA.pool ?? 'rbd') === (rbdB.pool ?? 'rbd')
  return isSame && rbdA.monitors.some((monitor) => rbdB.monitors.includes(monitor))
}

const keysOf = (pod: CoreV1Pod) => claimsOfPod(pod.metadata.name!, pod.spec).map((name) => `${pod.metadata.namespace}/${name}`)

/** Keeps pods off disks that are in use by others, and off claims that one pod alone may use. */
export function createVolumeRestrictions(informers: InformerFactory): Plugin<RestrictedState> {
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  return {
    name: 'VolumeRestrictions',
    wakesOn: ['node-added', 'pod-removed', 'storage-changed'],
    isHelped: (pod, change) => {
      if (change.event !== 'pod-removed') return true
      const freed = new Set(keysOf(change.pod))
      return keysOf(pod).some((key) => freed.has(key)) || (change.pod.spec.volumes ?? []).some(isDisk)
    },
    preFilter: (pod, snapshot) => {
      if (pod.spec.volumes === undefined) return undefined
      const disks = pod.spec.volumes.filter(isDisk)
      const onlyPod: string[] = []
      for (const key of keysOf(pod)) {
        const claim = claims.get(key)
        if (claim === undefined) return { refusal: finalRefusal(`persistentvolumeclaim "${key.slice(key.indexOf('/') + 1)}" not found`) }
        if (claim.spec?.accessModes?.includes('ReadWriteOncePod') === true) onlyPod.push(key)
      }
      return disks.length === 0 && onlyPod.length === 0 ? undefined : { state: { disks, onlyPod, snapshot } }
    },
    filter: (_pod, { pods }, { disks, onlyPod, snapshot }) => {
      for (const disk of disks)
        for (const { spec } of pods.values()) if (spec.volumes?.some((other) => isConflict(disk, other)) === true) return diskRefusal
      return onlyPod.some((key) => snapshot.claimUsers(key) > 0) ? onlyPodRefusal : undefined
    },
  }
}
