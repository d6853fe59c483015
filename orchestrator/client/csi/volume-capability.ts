import type { CoreV1PersistentVolumeSpec } from '../../api/generated/kinds.ts'
import type { VolumeCapability } from './csi-driver.ts'

export interface CapabilityInput {
  readonly volumeMode: string | undefined
  readonly accessMode: string
  readonly fsType: string | undefined
  readonly mountOptions: readonly string[] | undefined
  /** Can the driver tell one writer on a node from several? */
  readonly tellsWritersApart: boolean
  /** The group that the driver itself is to give the volume to. */
  readonly group?: number
}

/** A way of using a volume in the words of CSI, as upstream translates it. */
export function volumeCapability(input: CapabilityInput): VolumeCapability {
  const { volumeMode, accessMode, fsType, mountOptions, tellsWritersApart, group } = input
  const mode = { mode: (tellsWritersApart ? exactModes : plainModes)[accessMode] ?? 'UNKNOWN' }
  if (volumeMode === 'Block') return { block: {}, accessMode: mode }
  return {
    mount: {
      ...(fsType === undefined ? {} : { fsType }),
      mountFlags: mountOptions ?? [],
      ...(group === undefined ? {} : { volumeMountGroup: String(group) }),
    },
    accessMode: mode,
  }
}

/** The capability of a volume by its object. The first of its access modes counts, as for the kubelet. */
export function capabilityOf(
  spec: CoreV1PersistentVolumeSpec,
  tellsWritersApart: boolean,
  more: Pick<CapabilityInput, 'group'> = {},
): VolumeCapability {
  const { volumeMode, accessModes = [], csi, mountOptions } = spec
  return volumeCapability({
    volumeMode,
    accessMode: accessModes[0] ?? 'ReadWriteOnce',
    fsType: csi?.fsType,
    mountOptions,
    tellsWritersApart,
    ...more,
  })
}

const plainModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'SINGLE_NODE_WRITER',
  ReadOnlyMany: 'MULTI_NODE_READER_ONLY',
  ReadWriteMany: 'MULTI_NODE_MULTI_WRITER',
  ReadWriteOncePod: 'SINGLE_NODE_WRITER',
}

const exactModes: Readonly<Record<string, string>> = {
  ...plainModes,
  ReadWriteOnce: 'SINGLE_NODE_MULTI_WRITER',
  ReadWriteOncePod: 'SINGLE_NODE_SINGLE_WRITER',
}
