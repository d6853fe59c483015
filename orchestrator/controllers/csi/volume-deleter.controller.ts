import { CoreV1PersistentVolume, StorageV1VolumeAttachment } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { removeFinalizer } from '../finalizers.ts'
import type { CsiController, CsiDrivers } from './csi-drivers.ts'
import { provisionerFinalizer } from './provision.plan.ts'
import { readSecret } from './secret-reference.ts'
import { ignoreGone } from '../refusal.ts'

const provisionedBy = 'pv.kubernetes.io/provisioned-by'
const secretAnnotation = 'volume.kubernetes.io/provisioner-deletion-secret'

/**
 * Has a driver delete the volumes that were made by it, when nobody claims them any more and their policy is Delete. The object goes after the volume, so that
 * none is forgotten.
 */
export function createCsiVolumeDeleter({
  informers,
  drivers,
}: {
  readonly informers: InformerFactory
  readonly drivers: CsiDrivers
}): ControllerDeclaration<CoreV1PersistentVolume> {
  const attachments = informers.informer(StorageV1VolumeAttachment, {
    indexes: { volume: ({ spec }) => (spec.source.persistentVolumeName === undefined ? [] : [spec.source.persistentVolumeName]) },
  })
  /** Uids of objects whose volumes the driver has deleted, until they are gone. */
  const deleted = new Set<string>()
  return {
    name: 'csi-volume-deleter',
    for: CoreV1PersistentVolume,
    watches: [
      watch(StorageV1VolumeAttachment, ({ spec }) =>
        spec.source.persistentVolumeName === undefined ? [] : [spec.source.persistentVolumeName],
      ),
    ],
    async reconcile(volume, { client, events }) {
      const { metadata, spec } = volume
      const name = metadata.annotations?.[provisionedBy]
      if (name === undefined || !drivers.names.has(name) || spec.csi?.driver !== name) return undefined
      const isGoing = metadata.deletionTimestamp !== undefined
      if (spec.persistentVolumeReclaimPolicy !== 'Delete') {
        if (isGoing) await removeFinalizer(client, CoreV1PersistentVolume, volume, provisionerFinalizer)
        return undefined
      }
      // While it is attached it waits: it goes on when the last one is detached.
      if (!isFree(volume) || [...attachments.byIndex('volume', metadata.name!)].length > 0) return undefined
      try {
        if (!deleted.has(metadata.uid!)) await deleteVolume(volume, await drivers.get(name), client)
        deleted.add(metadata.uid!)
      } catch (error) {
        events.event(volume, 'Warning', 'VolumeFailedDelete', (error as Error).message)
        throw error
      }
      if (!isGoing) await deleteObject(volume, client)
      else {
        await removeFinalizer(client, CoreV1PersistentVolume, volume, provisionerFinalizer)
        deleted.delete(metadata.uid!)
      }
      return undefined
    },
  }
}

/** Nobody claims it any more. One that is claimed stays although somebody deletes its object: the binder holds it. */
function isFree({ metadata, status }: CoreV1PersistentVolume): boolean {
  if (metadata.deletionTimestamp === undefined) return status?.phase === 'Released' || status?.phase === 'Failed'
  return status?.phase !== 'Bound' && metadata.finalizers?.includes(provisionerFinalizer) === true
}

async function deleteVolume(
  { metadata, spec }: CoreV1PersistentVolume,
  { driver, capabilities }: CsiController,
  client: Client,
): Promise<void> {
  if (!capabilities.has('CREATE_DELETE_VOLUME')) return
  const { annotations = {} } = metadata
  const reference = { name: annotations[`${secretAnnotation}-name`] ?? '', namespace: annotations[`${secretAnnotation}-namespace`] ?? '' }
  await driver.call('DeleteVolume', { volumeId: spec.csi!.volumeHandle, secrets: await readSecret(client, reference) })
}

async function deleteObject({ metadata }: CoreV1PersistentVolume, client: Client): Promise<void> {
  const preconditions = { uid: metadata.uid! }
  await ignoreGone(client.delete(CoreV1PersistentVolume, { name: metadata.name! }, { preconditions }))
}
