import {
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  StorageV1CSIDriver,
  StorageV1VolumeAttachment,
} from '../../api/generated/kinds.ts'
import { driverOf, migrated } from '../../api/migrated-drivers.ts'
import { claimsOfPod, localDriver } from '../../api/persistent-volumes.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { isTerminated, podIndexes } from '../pod-state.ts'
import { planAttachments } from './attachments.plan.ts'
import { ignoreGone, ignorePresent } from '../refusal.ts'

/**
 * Asks for each volume of a driver that attaches to be attached to the nodes whose pods use it, and nowhere else. Whoever has the driver (its attacher beside
 * it, or `csi-attacher` here) does it.
 */
export function createAttachDetachController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1PersistentVolume> {
  const claimKeys = (pod: CoreV1Pod) => claimsOfPod(pod.metadata.name!, pod.spec).map((name) => `${pod.metadata.namespace}/${name}`)
  const pods = informers.informer(CoreV1Pod, { indexes: { ...podIndexes, claim: claimKeys } })
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  const volumes = informers.informer(CoreV1PersistentVolume)
  const drivers = informers.informer(StorageV1CSIDriver)
  const nodes = informers.informer(CoreV1Node)
  const attachments = informers.informer(StorageV1VolumeAttachment, {
    indexes: { volume: ({ spec }) => namesIn([spec.source.persistentVolumeName]), node: ({ spec }) => [spec.nodeName] },
  })
  const volumesOfPod = (pod: CoreV1Pod) =>
    pod.spec.nodeName === undefined ? [] : namesIn(claimKeys(pod).map((key) => claims.get(key)?.spec?.volumeName))
  function* volumesOfDriver({ metadata }: StorageV1CSIDriver): Iterable<string> {
    for (const volume of volumes.list()) if (driverOf(volume.spec) === metadata.name) yield volume.metadata.name!
  }
  function* volumesOnNode({ metadata }: CoreV1Node): Iterable<string> {
    for (const { spec } of attachments.byIndex('node', metadata.name!)) yield* namesIn([spec.source.persistentVolumeName])
  }
  /** The attachments, by uid, whose success has been told, by volume. */
  const told = new Map<string, ReadonlySet<string>>()
  return {
    name: 'attachdetach',
    for: CoreV1PersistentVolume,
    watches: [
      watch(CoreV1Pod, volumesOfPod),
      watch(CoreV1PersistentVolumeClaim, ({ spec }) => namesIn([spec?.volumeName])),
      watch(StorageV1VolumeAttachment, ({ spec }) => namesIn([spec.source.persistentVolumeName])),
      watch(StorageV1CSIDriver, volumesOfDriver),
      watch(CoreV1Node, volumesOnNode),
    ],
    async reconcile(object, context) {
      const volume = migrated(object)
      const { csi, claimRef } = volume.spec
      if (csi === undefined || csi.driver === localDriver) return undefined
      const present = [...attachments.byIndex('volume', volume.metadata.name!)]
      const needsAttaching = drivers.get(csi.driver)?.spec.attachRequired !== false
      const users = needsAttaching && claimRef !== undefined ? pods.byIndex('claim', `${claimRef.namespace}/${claimRef.name}`) : []
      const active = [...users].filter((pod) => pod.spec.nodeName !== undefined && !isTerminated(pod))
      if (active.length === 0 && present.length === 0) return undefined
      const plan = planAttachments({ volume, pods: active, attachments: present, node: (name) => nodes.get(name), nowMs: context.now })
      for (const attachment of plan.attach) await ignorePresent(context.client.create(StorageV1VolumeAttachment, attachment))
      for (const name of plan.detach) await ignoreGone(context.client.delete(StorageV1VolumeAttachment, { name }))
      for (const { pod, message } of plan.refused) context.events.event(pod, 'Warning', 'FailedAttachVolume', message)
      tell(volume, active, present, { context, told })
      return plan.lookAgainMs === undefined ? undefined : { requeueAfterMs: plan.lookAgainMs }
    },
  }
}

/** Attachments whose volume is gone go, too. */
export function createAttachmentCleanupController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<StorageV1VolumeAttachment> {
  const volumes = informers.informer(CoreV1PersistentVolume)
  const attachments = informers.informer(StorageV1VolumeAttachment, {
    indexes: { volume: ({ spec }) => namesIn([spec.source.persistentVolumeName]) },
  })
  return {
    name: 'attachment-cleanup',
    for: StorageV1VolumeAttachment,
    watches: [
      watch(CoreV1PersistentVolume, ({ metadata }) =>
        [...attachments.byIndex('volume', metadata.name!)].map((each) => each.metadata.name!),
      ),
    ],
    async reconcile({ metadata, spec }, context) {
      const name = spec.source.persistentVolumeName
      if (name !== undefined && volumes.get(name) === undefined && metadata.deletionTimestamp === undefined)
        await ignoreGone(context.client.delete(StorageV1VolumeAttachment, { name: metadata.name! }))
      return undefined
    },
  }
}

const namesIn = (names: readonly (string | undefined)[]) => names.filter((name): name is string => name !== undefined && name !== '')

/** Tells pods that wait how the attaching went, each attachment's success once. */
function tell(
  { metadata }: CoreV1PersistentVolume,
  pods: readonly CoreV1Pod[],
  attachments: readonly StorageV1VolumeAttachment[],
  { context, told }: { readonly context: ReconcileContext; readonly told: Map<string, ReadonlySet<string>> },
): void {
  const attached = attachments.filter(({ status }) => status?.attached === true)
  for (const attachment of attachments) {
    const waiting = pods.filter(
      ({ spec, status }) => spec.nodeName === attachment.spec.nodeName && (status?.phase ?? 'Pending') === 'Pending',
    )
    const problem = attachment.status?.attachError?.message
    for (const pod of waiting) {
      if (attached.includes(attachment)) {
        if (told.get(metadata.name!)?.has(attachment.metadata.uid!) !== true)
          context.events.event(pod, 'Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume "${metadata.name}"`)
      } else if (problem !== undefined) {
        context.events.event(pod, 'Warning', 'FailedAttachVolume', `AttachVolume.Attach failed for volume "${metadata.name}" : ${problem}`)
      }
    }
  }
  if (attached.length === 0) told.delete(metadata.name!)
  else told.set(metadata.name!, new Set(attached.map((each) => each.metadata.uid!)))
}
