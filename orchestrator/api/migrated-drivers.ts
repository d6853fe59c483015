import type {
  CoreV1CSIPersistentVolumeSource,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeSpec,
  CoreV1Volume,
} from './generated/kinds.ts'

/** Kinds of volumes that were once part of Kubernetes, and the CSI drivers that carry them now. */
const driverOfSource: Readonly<Record<string, string>> = {
  awsElasticBlockStore: 'ebs.csi.aws.com',
  azureDisk: 'disk.csi.azure.com',
  azureFile: 'file.csi.azure.com',
  cephfs: 'cephfs.csi.ceph.com',
  cinder: 'cinder.csi.openstack.org',
  gcePersistentDisk: 'pd.csi.storage.gke.io',
  glusterfs: 'org.gluster.glusterfs',
  iscsi: 'iscsi.csi.k8s.io',
  portworxVolume: 'pxd.portworx.com',
  rbd: 'rbd.csi.ceph.com',
  vsphereVolume: 'csi.vsphere.vmware.com',
}

const driverOfProvisioner: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cephfs': 'cephfs.csi.ceph.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/glusterfs': 'org.gluster.glusterfs',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
  'kubernetes.io/rbd': 'rbd.csi.ceph.com',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
}

/** The CSI driver that carries a volume of a pod or of the cluster; `undefined` for one that needs none. */
export function driverOf(source: CoreV1Volume | CoreV1PersistentVolumeSpec): string | undefined {
  if (source.csi !== undefined) return source.csi.driver
  const kind = Object.keys(source).find((key) => Object.hasOwn(driverOfSource, key))
  return kind === undefined ? undefined : driverOfSource[kind]
}

/** Who provisions volumes of a class today: the successor of a provisioner that was once built in, else the provisioner itself. */
export const currentProvisioner = (provisioner: string): string =>
  Object.hasOwn(driverOfProvisioner, provisioner) ? driverOfProvisioner[provisioner]! : provisioner

const zoneLabels = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone']

/** What the driver of today calls a volume that was written down for one that was built in; handles and attributes as upstream translates them. */
function translated({ metadata, spec }: CoreV1PersistentVolume): Omit<CoreV1CSIPersistentVolumeSource, 'driver'> | undefined {
  const {
    gcePersistentDisk: gce,
    awsElasticBlockStore: aws,
    azureDisk: azure,
    cinder,
    vsphereVolume: vsphere,
    portworxVolume: portworx,
  } = spec
  if (gce !== undefined) {
    const zone = zoneLabels.map((label) => metadata.labels?.[label]).find((value) => value !== undefined) ?? 'UNSPECIFIED'
    return { volumeHandle: `projects/UNSPECIFIED/zones/${zone}/disks/${gce.pdName}`, ...mounted(gce) }
  }
  if (aws !== undefined) return { volumeHandle: aws.volumeID.replace(/^aws:\/\/[^/]*\//, ''), ...mounted(aws) }
  if (azure !== undefined) {
    const volumeAttributes = { cachingMode: azure.cachingMode ?? 'ReadWrite', kind: azure.kind ?? 'Shared' }
    return { volumeHandle: azure.diskURI, ...mounted(azure), volumeAttributes }
  }
  if (cinder !== undefined) return { volumeHandle: cinder.volumeID, ...mounted(cinder) }
  if (vsphere !== undefined) return { volumeHandle: vsphere.volumePath, ...mounted(vsphere) }
  return portworx === undefined ? undefined : { volumeHandle: portworx.volumeID, ...mounted(portworx) }
}

function mounted(source: {
  readonly fsType?: string
  readonly readOnly?: boolean
  readonly partition?: number
}): Omit<CoreV1CSIPersistentVolumeSource, 'driver' | 'volumeHandle'> {
  const { fsType, readOnly, partition = 0 } = source
  return {
    ...(fsType === undefined ? {} : { fsType }),
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(partition === 0 ? {} : { volumeAttributes: { partition: String(partition) } }),
  }
}

/** A volume as its CSI driver has it; one that needs no driver, or of a kind that nobody translates, as it is. */
export function migrated(volume: CoreV1PersistentVolume): CoreV1PersistentVolume {
  if (volume.spec.csi !== undefined) return volume
  const [driver, source] = [driverOf(volume.spec), translated(volume)]
  return driver === undefined || source === undefined ? volume : { ...volume, spec: { ...volume.spec, csi: { driver, ...source } } }
}
