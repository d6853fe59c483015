import type { CoreV1PersistentVolumeSpec, CoreV1Volume } from './generated/kinds.ts'

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
