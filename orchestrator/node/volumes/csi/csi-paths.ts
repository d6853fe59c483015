import { createHash } from 'node:crypto'
import { join } from 'node:path'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The folder of CSI volumes in a pod's `volumes`. */
export const csiFolder = 'kubernetes.io~csi'

/** The file beside a mount that says what is mounted. Its names are the kubelet's. */
export const recordFile = 'vol_data.json'

/** The folder of a volume that is mounted once for all pods of the node: `globalmount`, the record, and a file per pod that uses it. */
export const stagingFolder = (dataDir: string, driver: string, handle: string) =>
  join(dataDir, 'plugins', 'kubernetes.io', 'csi', driver, sha256(handle))

/** The place in it where the driver mounts. */
export const globalMount = 'globalmount'

/** Where a raw device appears for one pod. */
export const devicePath = (dataDir: string, volumeName: string, podUid: string) =>
  join(dataDir, 'plugins', 'kubernetes.io', 'csi', 'volumeDevices', 'publish', volumeName, podUid)

/** The handle of a volume that lives as long as its pod. */
export const inlineHandle = (podUid: string, volume: string) => `csi-${sha256(`${podUid}${volume}`)}`
