import { CoreV1PersistentVolumeClaim } from '../../../api/generated/kinds.ts'
import type { CoreV1PersistentVolume, CoreV1PersistentVolumeClaimCondition } from '../../../api/generated/kinds.ts'
import { compareQuantities, parseQuantity, valueOf } from '../../../api/quantity.ts'
import type { Client } from '../../../client/client.ts'
import type { CsiPlugin } from './csi-plugins.ts'
import type { MountRequest } from './mount-request.ts'

/** What a claim says of an expansion that is not over; it goes when the node has done its part. */
const resizeConditions = new Set(['FileSystemResizePending', 'Resizing', 'NodeResizeError'])

/** Is the volume larger than its claim has been told, and the rest its node's part? */
export function isExpansionPending(volume: CoreV1PersistentVolume, { status }: CoreV1PersistentVolumeClaim): boolean {
  const isNodesPart =
    status?.conditions?.some(({ type }) => type === 'FileSystemResizePending') === true ||
    status?.allocatedResourceStatuses?.['storage']?.startsWith('NodeResize') === true
  if (!isNodesPart) return false
  const [size, told] = [volume.spec?.capacity?.['storage'], status?.capacity?.['storage']]
  return size !== undefined && told !== undefined && compareQuantities(parseQuantity(size), parseQuantity(told)) > 0
}

/** Lets the driver grow what is mounted to the volume's size, and tells the claim. */
export async function expandOnNode(options: {
  readonly client: Client
  readonly plugin: CsiPlugin
  readonly request: MountRequest
  readonly volume: CoreV1PersistentVolume
  readonly claim: CoreV1PersistentVolumeClaim
  readonly secrets: Readonly<Record<string, string>>
}): Promise<void> {
  const { client, plugin, request, volume, claim, secrets } = options
  const storage = volume.spec.capacity!['storage']!
  if (plugin.capabilities.has('EXPAND_VOLUME')) {
    await plugin.driver.call('NodeExpandVolume', {
      volumeId: request.handle,
      volumePath: request.targetPath,
      ...(request.staging === undefined ? {} : { stagingTargetPath: request.staging.path }),
      capacityRange: { requiredBytes: valueOf(storage) },
      volumeCapability: request.capability,
      secrets,
    })
  }
  const conditions: CoreV1PersistentVolumeClaimCondition[] = (claim.status?.conditions ?? []).filter(
    ({ type }) => !resizeConditions.has(type),
  )
  const { storage: _, ...statuses } = claim.status?.allocatedResourceStatuses ?? {}
  const body = {
    status: {
      capacity: { storage },
      conditions,
      allocatedResourceStatuses: Object.keys(statuses).length === 0 ? null : { ...statuses, storage: null },
    },
  }
  const { namespace, name } = claim.metadata
  await client.patch(
    CoreV1PersistentVolumeClaim,
    { namespace, name: name! },
    { type: 'application/merge-patch+json', body, subresource: 'status' },
  )
}
