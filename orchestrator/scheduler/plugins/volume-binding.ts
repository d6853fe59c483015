import { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim, CoreV1Pod, StorageV1StorageClass } from '../../api/generated/kinds.ts'
import type { CoreV1Node } from '../../api/generated/kinds.ts'
import {
  claimsOfPod,
  classOf,
  findVolume,
  isReachable,
  localDriver,
  noProvisioner,
  waitsForConsumer,
} from '../../api/persistent-volumes.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { finalRefusal } from '../framework.ts'
import type { Change, Plugin } from '../framework.ts'

/** What a pod's claims ask of a node: why it can't be had, or `undefined`; a text says that no node can. */
type Demand = ((node: CoreV1Node) => string | undefined) | string

const affinityConflict = 'node(s) had volume node affinity conflict'
const noVolumes = "node(s) didn't find available persistent volumes to bind"

/**
 * Keeps a pod where its volumes can be reached. A claim that waits for its first consumer goes where the pod goes, but for a class whose volumes are
 * made by hand: there one has to be free. Two pods of an unbound claim of folders come to the same node.
 */
export function createVolumeBinding(informers: InformerFactory): Plugin<readonly ((node: CoreV1Node) => string | undefined)[]> {
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  const volumes = informers.informer(CoreV1PersistentVolume)
  const classes = informers.informer(StorageV1StorageClass)
  const claimKeys = (pod: CoreV1Pod) => claimsOfPod(pod.metadata.name!, pod.spec).map((name) => `${pod.metadata.namespace}/${name}`)
  const pods = informers.informer(CoreV1Pod, { indexes: { claim: claimKeys } })

  function demandOf(key: string, pod: CoreV1Pod): Demand {
    const claim = claims.get(key)
    const name = key.slice(key.indexOf('/') + 1)
    if (claim === undefined) return `persistentvolumeclaim "${name}" not found`
    if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`
    if (claim.status?.phase === 'Lost')
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`
    const volumeName = claim.spec?.volumeName ?? ''
    if (volumeName !== '') {
      const volume = volumes.get(volumeName)
      if (volume === undefined) return `persistentvolume "${volumeName}" not found`
      return (node) => (isReachable(volume, node) ? undefined : affinityConflict)
    }
    const storageClass = classes.get(classOf(claim))
    if (!waitsForConsumer(storageClass)) return 'pod has unbound immediate PersistentVolumeClaims'
    const place = storageClass?.provisioner === localDriver ? placeOf(key, pod) : undefined
    return (node) => {
      if (place !== undefined && place !== node.metadata.name) return affinityConflict
      const isByHand = storageClass?.provisioner === noProvisioner
      return isByHand && findVolume(claim, volumes.list(), node) === undefined ? noVolumes : undefined
    }
  }

  /** The node on which the claim's volume is about to be made, for another pod. */
  function placeOf(key: string, pod: CoreV1Pod): string | undefined {
    for (const { metadata, spec } of pods.byIndex('claim', key))
      if (metadata.uid !== pod.metadata.uid && spec.nodeName) return spec.nodeName
    return undefined
  }

  function isHelped(pod: CoreV1Pod, change: Change): boolean {
    if (change.event !== 'storage-changed')
      return change.event !== 'pod-assigned' || claimKeys(change.pod).some((key) => claimKeys(pod).includes(key))
    if (change.object.kind !== CoreV1PersistentVolumeClaim.kind) return true
    return claimKeys(pod).includes(`${change.object.metadata.namespace}/${change.object.metadata.name}`)
  }

  return {
    name: 'VolumeBinding',
    wakesOn: ['storage-changed', 'node-added', 'node-changed', 'pod-assigned'],
    isHelped,
    preFilter: (pod) => {
      if (pod.spec.volumes === undefined) return undefined
      const demands: ((node: CoreV1Node) => string | undefined)[] = []
      for (const key of claimKeys(pod)) {
        const demand = demandOf(key, pod)
        if (typeof demand === 'string') return { refusal: finalRefusal(demand) }
        demands.push(demand)
      }
      return demands.length === 0 ? undefined : { state: demands }
    },
    filter: (_, { node }, demands) => {
      const refusals = demands.map((demand) => demand(node!)).filter((refusal) => refusal !== undefined)
      return refusals.length === 0 ? undefined : finalRefusal(...new Set(refusals))
    },
  }
}
