import type { CoreV1Node, CoreV1PersistentVolume, CoreV1PersistentVolumeClaim, StorageV1StorageClass } from '../../api/generated/kinds.ts'
import { classOf, localDriver } from '../../api/persistent-volumes.ts'

const hostnameLabel = 'kubernetes.io/hostname'

/** The volume for a claim that is needed on a node: a folder there, which the node agent makes when a pod mounts it. */
export function localVolumeOf(
  claim: CoreV1PersistentVolumeClaim,
  storageClass: StorageV1StorageClass,
  node: CoreV1Node,
  accessModes: readonly string[],
): CoreV1PersistentVolume {
  const { namespace, name, uid } = claim.metadata
  const volumeName = `pvc-${uid}`
  const hostname = node.metadata.labels?.[hostnameLabel]
  const term =
    hostname === undefined
      ? { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node.metadata.name!] }] }
      : { matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [hostname] }] }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName, annotations: { 'pv.kubernetes.io/provisioned-by': localDriver } },
    spec: {
      accessModes: [...accessModes],
      capacity: { storage: claim.spec?.resources?.requests?.['storage'] ?? '0' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid },
      csi: { driver: localDriver, volumeHandle: volumeName },
      nodeAffinity: { required: { nodeSelectorTerms: [term] } },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: classOf(claim),
      volumeMode: 'Filesystem',
      ...(storageClass.mountOptions === undefined ? {} : { mountOptions: storageClass.mountOptions }),
    },
  }
}
