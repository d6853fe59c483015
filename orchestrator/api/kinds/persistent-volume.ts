import { isDeepStrictEqual } from 'node:util'
import { forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { checkFields, formed, oneOf, type FieldRules } from '../field-rules.ts'
import { CoreV1PersistentVolume, type CoreV1PersistentVolumeSpec, type CoreV1VolumeNodeAffinity } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { accessModeText, validateAccessModes, volumeMode, withProtection } from './persistent-volume-claim.ts'
import { checkPositive } from './resource-validation.ts'
import { validateNodeSelector } from './scheduling-validation.ts'
import { persistentSources, validateSource } from './volume-sources.ts'

const rules: FieldRules<CoreV1PersistentVolumeSpec> = {
  accessModes: (modes = [], field) => [...(modes.length === 0 ? [required(field)] : []), ...validateAccessModes(modes, field)],
  capacity: (capacity = {}, field) => [
    ...(Object.keys(capacity).length === 0 ? [required(field)] : []),
    ...(capacity['storage'] === undefined || Object.keys(capacity).length > 1 ? [notSupported(field, capacity, ['storage'])] : []),
    ...Object.entries(capacity).flatMap(([name, amount]) => checkPositive(amount, `${field}[${name}]`)),
  ],
  persistentVolumeReclaimPolicy: oneOf('Delete', 'Recycle', 'Retain'),
  nodeAffinity: (affinity, field) => (affinity === undefined ? [] : validateAffinity(affinity, field)),
  storageClassName: formed(checkSubdomain),
  volumeMode,
  volumeAttributesClassName: (name, field) =>
    name === '' ? [required(field, 'an empty string is disallowed')] : formed(checkSubdomain)(name, field),
}

function validateAffinity({ required: nodes }: CoreV1VolumeNodeAffinity, field: string): StatusCause[] {
  return nodes === undefined
    ? [required(`${field}.required`, 'must specify required node constraints')]
    : validateNodeSelector(nodes, `${field}.required`)
}

function validateSpec(spec: CoreV1PersistentVolumeSpec): StatusCause[] {
  const { local, nodeAffinity, hostPath, persistentVolumeReclaimPolicy, volumeAttributesClassName, csi } = spec
  const isRoot = hostPath !== undefined && /^[/.]*\/?$/.test(hostPath.path) && hostPath.path.startsWith('/')
  return [
    ...checkFields(spec, 'spec', rules),
    ...validateSource(spec, 'spec', persistentSources),
    ...(local !== undefined && nodeAffinity === undefined ? [required('spec.nodeAffinity', 'Local volume requires node affinity')] : []),
    ...(isRoot && persistentVolumeReclaimPolicy === 'Recycle'
      ? [forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'")]
      : []),
    ...(volumeAttributesClassName !== undefined && csi === undefined
      ? [required('spec.csi', 'has to be specified when using volumeAttributesClassName')]
      : []),
  ]
}

/** The storage behind a volume stays; only a secret for making it larger may come later. */
function validateUpdate({ spec }: CoreV1PersistentVolume, { spec: before }: CoreV1PersistentVolume): StatusCause[] {
  const sources = (each: CoreV1PersistentVolumeSpec) =>
    Object.fromEntries(Object.keys(persistentSources).map((name) => [name, each[name as keyof CoreV1PersistentVolumeSpec]]))
  const { csi } = spec
  const isLater = csi !== undefined && before.csi !== undefined && before.csi.controllerExpandSecretRef === undefined
  const { controllerExpandSecretRef: _, ...withoutSecret } = csi ?? {}
  const now = isLater ? { ...sources(spec), csi: withoutSecret } : sources(spec)
  return [
    ...(isDeepStrictEqual(now, sources(before))
      ? []
      : [forbiddenField('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation')]),
    ...validateImmutable('volumeMode', spec.volumeMode, before.volumeMode),
    ...(before.nodeAffinity !== undefined && !isDeepStrictEqual(spec.nodeAffinity, before.nodeAffinity)
      ? [invalidValue('nodeAffinity', spec.nodeAffinity ?? null, 'field is immutable, except for updating from beta label to GA')]
      : []),
    ...(before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined
      ? [forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden')]
      : []),
  ]
}

export const persistentVolume: KindPart<CoreV1PersistentVolume> = {
  kind: CoreV1PersistentVolume,
  setDefaults({ spec }) {
    spec.persistentVolumeReclaimPolicy ||= 'Retain'
    spec.volumeMode ??= 'Filesystem'
    if (spec.hostPath !== undefined) spec.hostPath.type ??= ''
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate,
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
