import { forbiddenField, notSupported, required } from '../field-errors.ts'
import { CoreV1PersistentVolume } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { accessModeText, withProtection } from './persistent-volume-claim.ts'

const reclaimPolicies = ['Delete', 'Recycle', 'Retain']
const otherFields = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
])

export const persistentVolume: KindPart<CoreV1PersistentVolume> = {
  kind: CoreV1PersistentVolume,
  setDefaults({ spec }) {
    spec.persistentVolumeReclaimPolicy ??= 'Retain'
    spec.volumeMode ??= 'Filesystem'
    if (spec.hostPath !== undefined) spec.hostPath.type ??= ''
  },
  validate({ spec }) {
    const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy = 'Retain' } = spec
    const sources = Object.keys(spec).filter((field) => !otherFields.has(field))
    return [
      ...(accessModes.length === 0 ? [required('spec.accessModes')] : []),
      ...(Object.keys(capacity).length === 0 ? [required('spec.capacity')] : []),
      ...(capacity['storage'] === undefined && Object.keys(capacity).length > 0
        ? [notSupported('spec.capacity', capacity, ['storage'])]
        : []),
      ...(sources.length === 0 ? [required('spec', 'must specify a volume type')] : []),
      ...sources.slice(1).map((source) => forbiddenField(`spec.${source}`, 'may not specify more than 1 volume type')),
      ...(reclaimPolicies.includes(persistentVolumeReclaimPolicy)
        ? []
        : [notSupported('spec.persistentVolumeReclaimPolicy', persistentVolumeReclaimPolicy, reclaimPolicies)]),
    ]
  },
  prepareForCreate(object) {
    object.status = { phase: 'Pending' }
    object.metadata.finalizers = withProtection(object.metadata.finalizers, 'kubernetes.io/pv-protection')
  },
  columns: [
    nameColumn,
    textColumn('Capacity'),
    textColumn('Access Modes'),
    textColumn('Reclaim Policy'),
    textColumn('Status'),
    textColumn('Claim'),
    textColumn('StorageClass'),
    textColumn('VolumeAttributesClass'),
    textColumn('Reason'),
    ageColumn,
    textColumn('VolumeMode', 1),
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.spec.capacity?.['storage'] ?? '',
    accessModeText(object.spec.accessModes),
    object.spec.persistentVolumeReclaimPolicy ?? '',
    object.metadata.deletionTimestamp === undefined ? (object.status?.phase ?? '') : 'Terminating',
    object.spec.claimRef === undefined ? '' : `${object.spec.claimRef.namespace}/${object.spec.claimRef.name}`,
    object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? object.spec.storageClassName ?? '',
    object.spec.volumeAttributesClassName ?? '<unset>',
    object.status?.reason ?? '',
    ageCell(object, now),
    object.spec.volumeMode ?? '<unset>',
  ],
}
