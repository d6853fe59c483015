import type {
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  CoreV1PodSpec,
  StorageV1StorageClass,
} from './generated/kinds.ts'
import { matchesLabels, selectorFromObject } from './labels.ts'
import { matchesTerm } from './node-requirements.ts'
import { compareQuantities, parseQuantity } from './quantity.ts'

/** The driver of volumes that are folders on a node, made by the node agent itself: the provisioner of the default class. */
export const localDriver = 'local.binnacle.dev'
/** The provisioner of classes whose volumes are made by hand. */
export const noProvisioner = 'kubernetes.io/no-provisioner'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** The class that a claim or a volume is of; '' for none. */
export const classOf = ({ metadata, spec }: CoreV1PersistentVolumeClaim | CoreV1PersistentVolume): string =>
  metadata.annotations?.[classAnnotation] ?? spec?.storageClassName ?? ''

/** The claims that a pod uses: those that it names, and those that are made for its ephemeral volumes. */
export function claimsOfPod(podName: string, spec: CoreV1PodSpec): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName]
    return ephemeral === undefined ? [] : [ephemeralClaimName(podName, name)]
  })
}

/** The name of the claim that is made for an ephemeral volume. */
export const ephemeralClaimName = (podName: string, volume: string) => `${podName}-${volume}`

/** Whether a claim of that name was made for this pod: an ephemeral volume must not take anybody else's. */
export const isClaimOfPod = ({ metadata }: CoreV1PersistentVolumeClaim, pod: CoreV1Pod) =>
  metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === pod.metadata.uid) === true

/** Whether claims of the class wait until it is known on which node they are needed. */
export const waitsForConsumer = (storageClass: StorageV1StorageClass | undefined) =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer'

/** Whether a volume can be reached from a node. */
export function isReachable({ spec }: CoreV1PersistentVolume, node: CoreV1Node): boolean {
  const required = spec?.nodeAffinity?.required
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
}

const sizeOf = ({ spec }: CoreV1PersistentVolume) => parseQuantity(spec?.capacity?.['storage'] ?? '0')

/** Whether a volume is spoken for, by this claim or by another. */
function reservationOf({ spec }: CoreV1PersistentVolume, { metadata }: CoreV1PersistentVolumeClaim): 'none' | 'this' | 'other' {
  const reference = spec?.claimRef
  if (reference === undefined) return 'none'
  const isNamed = reference.namespace === metadata.namespace && reference.name === metadata.name
  return isNamed && (reference.uid === undefined || reference.uid === '' || reference.uid === metadata.uid) ? 'this' : 'other'
}

/**
 * The volume for a claim: one that is reserved for it, else the smallest free one that fits its class, modes, size and selector, and that `node`
 * reaches where one is given. As upstream's binder.
 */
export function findVolume(
  claim: CoreV1PersistentVolumeClaim,
  volumes: Iterable<CoreV1PersistentVolume>,
  node?: CoreV1Node,
): CoreV1PersistentVolume | undefined {
  const { spec } = claim
  const selector = selectorFromObject(spec?.selector)
  let best: CoreV1PersistentVolume | undefined
  for (const volume of volumes) {
    const reservation = reservationOf(volume, claim)
    if (reservation === 'other' || volume.metadata.deletionTimestamp !== undefined) continue
    if (!fits(claim, volume)) continue
    if (reservation === 'this') return volume
    if (node !== undefined && !isReachable(volume, node)) continue
    if (spec?.selector !== undefined && (selector === undefined || !matchesLabels(selector, volume.metadata.labels))) continue
    if (volume.status?.phase !== 'Available') continue
    if (best === undefined || compareQuantities(sizeOf(volume), sizeOf(best)) < 0) best = volume
  }
  return best
}

/** What no reservation can make up for. */
function fits(claim: CoreV1PersistentVolumeClaim, volume: CoreV1PersistentVolume): boolean {
  const { spec } = claim
  if (classOf(claim) !== classOf(volume)) return false
  if ((spec?.volumeMode ?? 'Filesystem') !== (volume.spec?.volumeMode ?? 'Filesystem')) return false
  if (!(spec?.accessModes ?? []).every((mode) => volume.spec?.accessModes?.includes(mode))) return false
  return compareQuantities(sizeOf(volume), parseQuantity(spec?.resources?.requests?.['storage'] ?? '0')) >= 0
}

/** Whether both sides of a binding name each other. */
export const isBoundTo = (claim: CoreV1PersistentVolumeClaim, volume: CoreV1PersistentVolume) =>
  claim.spec?.volumeName === volume.metadata.name && volume.spec?.claimRef?.uid === claim.metadata.uid
