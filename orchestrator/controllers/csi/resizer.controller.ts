import { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim } from '../../api/generated/kinds.ts'
import type { CoreV1PersistentVolumeClaimCondition } from '../../api/generated/kinds.ts'
import { isBoundTo } from '../../api/persistent-volumes.ts'
import { compareQuantities, parseQuantity, valueOf } from '../../api/quantity.ts'
import { capabilityOf } from '../../client/csi/volume-capability.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { toTimestamp } from '../../../lib/clock.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import type { CsiDrivers } from './csi-drivers.ts'
import { quantityOf } from './provision.plan.ts'
import { readSecret } from './secret-reference.ts'

const resizeConditions = new Set(['Resizing', 'FileSystemResizePending', 'ControllerResizeError'])

/** Has a driver grow volumes to what their claims ask for; what is left to the node is told in the claim. In place of upstream's external-resizer. */
export function createCsiResizer({
  informers,
  drivers,
}: {
  readonly informers: InformerFactory
  readonly drivers: CsiDrivers
}): ControllerDeclaration<CoreV1PersistentVolumeClaim> {
  const volumes = informers.informer(CoreV1PersistentVolume)
  return {
    name: 'csi-resizer',
    for: CoreV1PersistentVolumeClaim,
    watches: [
      watch(CoreV1PersistentVolume, ({ spec }) =>
        spec.claimRef === undefined ? [] : [`${spec.claimRef.namespace}/${spec.claimRef.name}`],
      ),
    ],
    async reconcile(claim, context) {
      const volume = volumes.get(claim.spec?.volumeName ?? '')
      const name = volume?.spec.csi?.driver
      if (volume === undefined || name === undefined || !drivers.names.has(name)) return undefined
      const wanted = wantedSize(claim, volume)
      if (wanted === undefined) return undefined
      try {
        await expand({ claim, volume, wanted }, drivers, context)
      } catch (error) {
        const message = `resize volume "${volume.metadata.name}" failed: ${(error as Error).message}`
        context.events.event(claim, 'Warning', 'VolumeResizeFailed', message)
        throw error
      }
      return undefined
    },
  }
}

/** The size that a driver is to give a volume; `undefined`: it has it, or the rest is its node's part. */
function wantedSize(claim: CoreV1PersistentVolumeClaim, volume: CoreV1PersistentVolume): string | undefined {
  const { metadata, spec, status } = claim
  const wanted = spec?.resources?.requests?.['storage']
  if (wanted === undefined || metadata.deletionTimestamp !== undefined || status?.phase !== 'Bound' || !isBoundTo(claim, volume))
    return undefined
  const has = volume.spec.capacity?.['storage'] ?? '0'
  const isLarger = (than: string) => compareQuantities(parseQuantity(wanted), parseQuantity(than)) > 0
  const wasCutShort = status.allocatedResourceStatuses?.['storage']?.startsWith('Controller') === true
  return isLarger(status.capacity?.['storage'] ?? has) && (isLarger(has) || wasCutShort) ? wanted : undefined
}

interface Expansion {
  readonly claim: CoreV1PersistentVolumeClaim
  readonly volume: CoreV1PersistentVolume
  readonly wanted: string
}

async function expand({ claim, volume, wanted }: Expansion, drivers: CsiDrivers, context: ReconcileContext): Promise<void> {
  const { client, events, now } = context
  const csi = volume.spec.csi!
  const { driver, capabilities } = await drivers.get(csi.driver)
  const { conditions = [], ...status } = claim.status ?? {}
  const others = conditions.filter(({ type }) => !resizeConditions.has(type))
  const during = (type: string, step: string, message?: string): NonNullable<CoreV1PersistentVolumeClaim['status']> => ({
    ...status,
    conditions: [...others, condition(type, now, message)],
    allocatedResources: { ...status.allocatedResources, storage: wanted },
    allocatedResourceStatuses: { ...status.allocatedResourceStatuses, storage: step },
  })
  const begun = await tell(client, claim, during('Resizing', 'ControllerResizeInProgress'))
  const { capacityBytes = 0, nodeExpansionRequired = true } = capabilities.has('EXPAND_VOLUME')
    ? await driver
        .call('ControllerExpandVolume', {
          volumeId: csi.volumeHandle,
          capacityRange: { requiredBytes: valueOf(wanted) },
          secrets: await readSecret(client, csi.controllerExpandSecretRef),
          volumeCapability: capabilityOf(volume.spec, capabilities.has('SINGLE_NODE_MULTI_WRITER')),
        })
        .then(({ capacityBytes: bytes, nodeExpansionRequired: isRequired = false }) => ({
          ...(bytes === undefined ? {} : { capacityBytes: bytes }),
          nodeExpansionRequired: isRequired,
        }))
    : {}
  const storage = capacityBytes > 0 ? quantityOf(capacityBytes) : wanted
  const body = { spec: { capacity: { storage } } }
  await client.patch(CoreV1PersistentVolume, { name: volume.metadata.name! }, { type: 'application/merge-patch+json', body })
  if (nodeExpansionRequired) {
    const message = 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.'
    await tell(client, begun, during('FileSystemResizePending', 'NodeResizePending', message))
    events.event(claim, 'Normal', 'FileSystemResizeRequired', 'Require file system resize of volume on node')
    return
  }
  const { storage: _, ...statuses } = status.allocatedResourceStatuses ?? {}
  await tell(client, begun, {
    ...status,
    conditions: others,
    capacity: { ...status.capacity, storage },
    allocatedResources: { ...status.allocatedResources, storage },
    allocatedResourceStatuses: statuses,
  })
  events.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded')
}

/** Answers the claim as it is then. */
async function tell(
  client: ReconcileContext['client'],
  claim: CoreV1PersistentVolumeClaim,
  status: NonNullable<CoreV1PersistentVolumeClaim['status']>,
): Promise<CoreV1PersistentVolumeClaim> {
  return client.updateStatus(CoreV1PersistentVolumeClaim, { ...claim, status })
}

const condition = (type: string, now: number, message?: string): CoreV1PersistentVolumeClaimCondition => ({
  type,
  status: 'True',
  lastTransitionTime: toTimestamp(now),
  ...(message === undefined ? {} : { message }),
})
