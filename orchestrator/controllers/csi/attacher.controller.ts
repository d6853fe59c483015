import { CoreV1PersistentVolume, StorageV1CSINode, StorageV1VolumeAttachment } from '../../api/generated/kinds.ts'
import type { StorageV1VolumeAttachmentStatus } from '../../api/generated/kinds.ts'
import { migrated } from '../../api/migrated-drivers.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import { capabilityOf } from '../../client/csi/volume-capability.ts'
import { toTimestamp } from '../../../lib/clock.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { removeFinalizer } from '../finalizers.ts'
import { reportStatus } from '../status.ts'
import type { CsiController, CsiDrivers } from './csi-drivers.ts'
import { readSecret } from './secret-reference.ts'

/** What has to be told to the driver at the end, when the objects that say it may be gone. */
const nodeIdAnnotation = 'csi.alpha.kubernetes.io/node-id'
const handleAnnotation = 'binnacle.dev/volume-handle'
const finalizerOf = (driver: string) => `external-attacher/${driver.replaceAll('.', '-').toLowerCase()}`

interface Caches {
  readonly volumes: Informer<CoreV1PersistentVolume>
  readonly csiNodes: Informer<StorageV1CSINode>
}

/** Has a driver attach and detach volumes as VolumeAttachments ask for it. In place of upstream's external-attacher. */
export function createCsiAttacher({
  informers,
  drivers,
}: {
  readonly informers: InformerFactory
  readonly drivers: CsiDrivers
}): ControllerDeclaration<StorageV1VolumeAttachment> {
  const attachments = informers.informer(StorageV1VolumeAttachment, { indexes: { node: ({ spec }) => [spec.nodeName] } })
  const caches: Caches = { volumes: informers.informer(CoreV1PersistentVolume), csiNodes: informers.informer(StorageV1CSINode) }
  return {
    name: 'csi-attacher',
    for: StorageV1VolumeAttachment,
    watches: [
      watch(StorageV1CSINode, ({ metadata }) => [...attachments.byIndex('node', metadata.name!)].map((each) => each.metadata.name!)),
    ],
    async reconcile(attachment, context) {
      const { attacher } = attachment.spec
      if (!drivers.names.has(attacher)) return undefined
      const isGoing = attachment.metadata.deletionTimestamp !== undefined
      if (isGoing ? attachment.metadata.finalizers?.includes(finalizerOf(attacher)) !== true : attachment.status?.attached === true)
        return undefined
      try {
        const driver = await drivers.get(attacher)
        await (isGoing ? detach(attachment, driver, caches, context) : attach(attachment, driver, caches, context))
      } catch (error) {
        const problem = { message: (error as Error).message, time: toTimestamp(context.now) }
        const status: StorageV1VolumeAttachmentStatus = { attached: false, ...attachment.status }
        // The time of the first of a row of equal failures stays, so that telling it does not wake this again.
        const told = isGoing ? status.detachError : status.attachError
        if (told?.message !== problem.message)
          await reportStatus(context.client, StorageV1VolumeAttachment, attachment, {
            ...status,
            [isGoing ? 'detachError' : 'attachError']: problem,
          })
        throw error
      }
      return undefined
    },
  }
}

async function attach(
  attachment: StorageV1VolumeAttachment,
  { name, driver, capabilities }: CsiController,
  { volumes, csiNodes }: Caches,
  { client }: ReconcileContext,
): Promise<void> {
  // A driver with nothing to attach: it is where it is.
  if (!capabilities.has('PUBLISH_UNPUBLISH_VOLUME')) return reportStatus(client, StorageV1VolumeAttachment, attachment, { attached: true })
  const { source, nodeName } = attachment.spec
  const object = volumes.get(source.persistentVolumeName ?? '')
  const volume = object === undefined ? undefined : migrated(object)
  if (volume?.spec.csi === undefined) throw new Error(`persistentvolume "${source.persistentVolumeName}" not found`)
  const nodeId = csiNodes.get(nodeName)?.spec.drivers?.find((each) => each.name === name)?.nodeID
  if (nodeId === undefined) throw new Error(`node "${nodeName}" has no NodeID annotation or CSINode entry of driver ${name}`)
  const { csi } = volume.spec
  const finalizers = [...new Set([...(attachment.metadata.finalizers ?? []), finalizerOf(name)])]
  const body = { metadata: { finalizers, annotations: { [nodeIdAnnotation]: nodeId, [handleAnnotation]: csi.volumeHandle } } }
  const marked = await client.patch(
    StorageV1VolumeAttachment,
    { name: attachment.metadata.name! },
    { type: 'application/merge-patch+json', body },
  )
  const { publishContext } = await driver.call('ControllerPublishVolume', {
    volumeId: csi.volumeHandle,
    nodeId,
    volumeCapability: capabilityOf(volume.spec, capabilities.has('SINGLE_NODE_MULTI_WRITER')),
    readonly: csi.readOnly === true && capabilities.has('PUBLISH_READONLY'),
    secrets: await readSecret(client, csi.controllerPublishSecretRef),
    volumeContext: csi.volumeAttributes ?? {},
  })
  await reportStatus(client, StorageV1VolumeAttachment, marked, {
    attached: true,
    ...(Object.keys(publishContext).length === 0 ? {} : { attachmentMetadata: { ...publishContext } }),
  })
}

async function detach(
  attachment: StorageV1VolumeAttachment,
  { name, driver }: CsiController,
  { volumes }: Caches,
  { client }: ReconcileContext,
): Promise<void> {
  const { annotations = {} } = attachment.metadata
  const csi = volumes.get(attachment.spec.source.persistentVolumeName ?? '')?.spec.csi
  const volumeId = annotations[handleAnnotation] ?? csi?.volumeHandle
  const nodeId = annotations[nodeIdAnnotation]
  if (volumeId !== undefined && nodeId !== undefined)
    await driver.call('ControllerUnpublishVolume', { volumeId, nodeId, secrets: await readSecret(client, csi?.controllerPublishSecretRef) })
  await removeFinalizer(client, StorageV1VolumeAttachment, attachment, finalizerOf(name))
}
