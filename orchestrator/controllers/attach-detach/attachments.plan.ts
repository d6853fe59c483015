import type { CoreV1Node, CoreV1PersistentVolume, CoreV1Pod, StorageV1VolumeAttachment } from '../../api/generated/kinds.ts'
import { attachmentName, inUseName } from '../../api/volume-attachments.ts'

/** Everything that says where one volume is to be. */
export interface AttachmentsInput {
  readonly volume: CoreV1PersistentVolume
  /** Pods that use the volume's claim and have a node, ended ones left out. */
  readonly pods: readonly CoreV1Pod[]
  /** The attachments of the volume. */
  readonly attachments: readonly StorageV1VolumeAttachment[]
  readonly node: (name: string) => CoreV1Node | undefined
  readonly nowMs: number
}

export interface AttachmentsPlan {
  readonly attach: readonly StorageV1VolumeAttachment[]
  /** Names. */
  readonly detach: readonly string[]
  /** Pods that cannot have the volume where they are, and why. */
  readonly refused: readonly { readonly pod: CoreV1Pod; readonly message: string }[]
  readonly lookAgainMs?: number
}

/** A node that is silent for this long does not hold a volume back that another needs, as upstream. */
const silentNodeMs = 360_000
const outOfService = 'node.kubernetes.io/out-of-service'

/** Where a volume is to be attached and from where it goes. Pure. */
export function planAttachments(input: AttachmentsInput): AttachmentsPlan {
  const { volume, pods, attachments } = input
  const { driver, volumeHandle } = volume.spec.csi!
  const wanted = new Set(pods.map(({ spec }) => spec.nodeName!))
  const attach: StorageV1VolumeAttachment[] = []
  const refused: { pod: CoreV1Pod; message: string }[] = []
  const present = new Map(attachments.map((attachment) => [attachment.spec.nodeName, attachment]))
  const places = new Set(present.keys())
  for (const nodeName of wanted) {
    if (present.has(nodeName)) continue
    const elsewhere = [...places].filter((place) => place !== nodeName)
    if (isExclusive(volume) && elsewhere.length > 0) {
      const users = pods.filter(({ spec }) => elsewhere.includes(spec.nodeName!))
      for (const pod of pods) if (pod.spec.nodeName === nodeName) refused.push({ pod, message: multiAttach(volume, users, pod) })
      continue
    }
    places.add(nodeName)
    attach.push(attachmentOf(volume, attachmentName(volumeHandle, driver, nodeName), nodeName))
  }
  const leaving = attachments.filter(({ spec, metadata }) => !wanted.has(spec.nodeName) && metadata.deletionTimestamp === undefined)
  const waits = leaving.map((attachment) => [attachment, waitMs(input, attachment)] as const)
  const lookAgainMs = Math.min(...waits.flatMap(([, ms]) => (ms > 0 ? [ms] : [])))
  return {
    attach,
    detach: waits.flatMap(([{ metadata }, ms]) => (ms === 0 ? [metadata.name!] : [])),
    refused,
    ...(lookAgainMs === Infinity ? {} : { lookAgainMs }),
  }
}

/** Only modes of one node make a volume exclusive. */
const isExclusive = ({ spec }: CoreV1PersistentVolume) =>
  (spec.accessModes ?? []).length > 0 && spec.accessModes!.every((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod')

/** Words as upstream. */
function multiAttach({ metadata }: CoreV1PersistentVolume, users: readonly CoreV1Pod[], pod: CoreV1Pod): string {
  const start = `Multi-Attach error for volume "${metadata.name}"`
  const own = users.filter((user) => user.metadata.namespace === pod.metadata.namespace).map((user) => user.metadata.name!)
  if (own.length > 0) return `${start} Volume is already used by pod(s) ${own.join(', ')}`
  if (users.length > 0) return `${start} Volume is already used by ${users.length} pod(s) in different namespaces`
  return `${start} Volume is already exclusively attached to one node and can't be attached to another`
}

/** How long a volume that no pod of a node wants must stay there all the same: while it is mounted, unless the node is gone or silent for long. */
function waitMs({ volume, node, nowMs }: AttachmentsInput, { spec }: StorageV1VolumeAttachment): number {
  const place = node(spec.nodeName)
  if (place === undefined || place.spec.taints?.some(({ key }) => key === outOfService) === true) return 0
  const { driver, volumeHandle } = volume.spec.csi!
  if (place.status?.volumesInUse?.includes(inUseName(volumeHandle, driver)) !== true) return 0
  const ready = place.status.conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined || ready.status === 'True') return Infinity
  return Math.max(0, Date.parse(ready.lastTransitionTime ?? '') + silentNodeMs - nowMs || 0)
}

const attachmentOf = ({ metadata, spec }: CoreV1PersistentVolume, name: string, nodeName: string): StorageV1VolumeAttachment => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttachment',
  metadata: { name },
  spec: { attacher: spec.csi!.driver, nodeName, source: { persistentVolumeName: metadata.name! } },
})
