import { createHash } from 'node:crypto'

/** The name of the VolumeAttachment of a volume on a node, as upstream makes it: whoever attaches and whoever waits for it find the same one. */
export const attachmentName = (handle: string, driver: string, nodeName: string): string =>
  `csi-${createHash('sha256').update(`${handle}${driver}${nodeName}`).digest('hex')}`

/** A volume's name in `status.volumesInUse` of the nodes that have it mounted. */
export const inUseName = (handle: string, driver: string): string => `kubernetes.io/csi/${driver}^${handle}`
