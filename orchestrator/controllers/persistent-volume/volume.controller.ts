import { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim } from '../../api/generated/kinds.ts'
import { isBoundTo, localDriver } from '../../api/persistent-volumes.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { toTimestamp } from '../../../lib/clock.ts'
import { removeFinalizer } from '../finalizers.ts'
import { reportStatus } from '../status.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { ignoreGone } from '../refusal.ts'

const protection = 'kubernetes.io/pv-protection'

/** Tells of each volume whether it is free, bound or released, and removes released ones where their policy says so. */
export function createVolumeController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1PersistentVolume> {
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  const volumes = informers.informer(CoreV1PersistentVolume)
  function* volumesOf({ spec, metadata }: CoreV1PersistentVolumeClaim): Iterable<string> {
    if (spec?.volumeName !== undefined && spec.volumeName !== '') yield spec.volumeName
    for (const volume of volumes.list()) if (volume.spec?.claimRef?.uid === metadata.uid) yield volume.metadata.name!
  }
  return {
    name: 'persistentvolume',
    for: CoreV1PersistentVolume,
    watches: [watch(CoreV1PersistentVolumeClaim, volumesOf)],
    async reconcile(volume, context) {
      const reference = volume.spec?.claimRef
      const claim = reference === undefined ? undefined : claims.get(`${reference.namespace}/${reference.name}`)
      const phase = phaseOf(volume, claim)
      if (volume.metadata.deletionTimestamp !== undefined) {
        if (phase !== 'Bound') await removeFinalizer(context.client, CoreV1PersistentVolume, volume, protection)
        return undefined
      }
      await report(volume, phase, context)
      if (phase === 'Released') await reclaim(volume, context)
      return undefined
    },
  }
}

function phaseOf(volume: CoreV1PersistentVolume, claim: CoreV1PersistentVolumeClaim | undefined): 'Available' | 'Bound' | 'Released' {
  const reference = volume.spec?.claimRef
  // Reserved by name for a claim that is yet to come.
  if (reference === undefined || (reference.uid ?? '') === '') return 'Available'
  if (claim?.metadata.uid !== reference.uid) return 'Released'
  return isBoundTo(claim!, volume) ? 'Bound' : 'Available'
}

async function reclaim(volume: CoreV1PersistentVolume, { client, events }: ReconcileContext): Promise<void> {
  const { name, uid } = volume.metadata
  const { persistentVolumeReclaimPolicy: policy, csi } = volume.spec ?? {}
  if (policy === 'Recycle') {
    const message = 'the policy Recycle is not supported: the volume stays Released until somebody removes its data and spec.claimRef'
    events.event(volume, 'Warning', 'VolumeFailedRecycle', message)
  }
  // Volumes of other drivers are removed by whoever made them; the folder of ours goes with the object.
  if (policy !== 'Delete' || csi?.driver !== localDriver) return
  await ignoreGone(client.delete(CoreV1PersistentVolume, { name: name! }, { preconditions: { uid } }))
}

async function report(volume: CoreV1PersistentVolume, phase: string, { client, now }: ReconcileContext): Promise<void> {
  if (volume.status?.phase === phase) return
  const status = { phase, lastPhaseTransitionTime: toTimestamp(now) }
  await reportStatus(client, CoreV1PersistentVolume, volume, status)
}
