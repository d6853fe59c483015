import { expect, test } from 'vitest'
import type { CoreV1PersistentVolumeSpec } from './generated/kinds.ts'
import { migrated } from './migrated-drivers.ts'

const csiOf = (spec: Partial<CoreV1PersistentVolumeSpec>, labels: Record<string, string> = {}) =>
  migrated({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v', labels }, spec }).spec.csi

test.each<[string, Partial<CoreV1PersistentVolumeSpec>, object | undefined]>([
  [
    'a disk of GCE',
    { gcePersistentDisk: { pdName: 'd', fsType: 'ext4', partition: 2 } },
    {
      driver: 'pd.csi.storage.gke.io',
      volumeHandle: 'projects/UNSPECIFIED/zones/z1/disks/d',
      fsType: 'ext4',
      volumeAttributes: { partition: '2' },
    },
  ],
  [
    'one of AWS',
    { awsElasticBlockStore: { volumeID: 'aws://us-1a/vol-1', readOnly: true } },
    { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1', readOnly: true },
  ],
  [
    'one of Azure',
    { azureDisk: { diskName: 'd', diskURI: '/subscriptions/1/d' } },
    { driver: 'disk.csi.azure.com', volumeHandle: '/subscriptions/1/d', volumeAttributes: { cachingMode: 'ReadWrite', kind: 'Shared' } },
  ],
  ['one of OpenStack', { cinder: { volumeID: 'c-1' } }, { driver: 'cinder.csi.openstack.org', volumeHandle: 'c-1' }],
  ['a volume that a driver carries already', { csi: { driver: 'd', volumeHandle: 'h' } }, { driver: 'd', volumeHandle: 'h' }],
  ['one that needs none', { hostPath: { path: '/x' } }, undefined],
  ['a kind that nobody translates', { glusterfs: { endpoints: 'e', path: 'p' } }, undefined],
])('%s', (_, spec, expected) => {
  expect(csiOf(spec, { 'topology.kubernetes.io/zone': 'z1' })).toEqual(expected)
})
