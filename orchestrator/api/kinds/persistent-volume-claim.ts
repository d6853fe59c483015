import { forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { CoreV1PersistentVolumeClaim, type CoreV1PersistentVolumeClaimSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable, validateLabelSelector } from '../validation.ts'
import { isNegativeAmount, notNegative } from './resource-validation.ts'

/** How a volume may be mounted, as the tables abbreviate it. */
const accessModes: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
])
/** The class's name before it had a field. */
const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** `RWO,ROX` */
export function accessModeText(modes: readonly string[] | undefined): string {
  return [...new Set(modes)].map((mode) => accessModes.get(mode) ?? mode).join(',')
}

/** Defaults of a claim, also of one inside a StatefulSet. */
export function setClaimDefaults(claim: { spec?: CoreV1PersistentVolumeClaimSpec }): void {
  claim.spec ??= {}
  claim.spec.volumeMode ??= 'Filesystem'
  claim.spec.resources ??= {}
}

/** With the finalizer that keeps storage while it is in use. */
export const withProtection = (finalizers: readonly string[] | undefined, name: string) => [...new Set([...(finalizers ?? []), name])]

export const persistentVolumeClaim: KindPart<CoreV1PersistentVolumeClaim> = {
  kind: CoreV1PersistentVolumeClaim,
  setDefaults: setClaimDefaults,
  validate: ({ spec }) => validateClaimSpec(spec, 'spec'),
  validateUpdate(object, previous) {
    const fixed = (spec: CoreV1PersistentVolumeClaimSpec) => ({
      ...spec,
      resources: undefined,
      volumeAttributesClassName: undefined,
      // A claim is bound to a volume once.
      volumeName: previous.spec.volumeName === undefined ? undefined : spec.volumeName,
    })
    return validateImmutable('spec', fixed(object.spec), fixed(previous.spec)).map(() =>
      forbiddenField('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'),
    )
  },
  prepareForCreate(object) {
    object.status = { phase: 'Pending' }
    object.metadata.finalizers = withProtection(object.metadata.finalizers, 'kubernetes.io/pvc-protection')
  },
  columns: [
    nameColumn,
    textColumn('Status'),
    textColumn('Volume'),
    textColumn('Capacity'),
    textColumn('Access Modes'),
    textColumn('StorageClass'),
    textColumn('VolumeAttributesClass'),
    ageColumn,
    textColumn('VolumeMode', 1),
  ],
  cells(object, now) {
    const { metadata, spec, status } = object
    const isBound = spec.volumeName !== undefined && spec.volumeName !== ''
    return [
      metadata.name ?? '',
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      spec.volumeName ?? '',
      isBound ? (status?.capacity?.['storage'] ?? '') : '',
      isBound ? accessModeText(status?.accessModes) : '',
      metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? '',
      spec.volumeAttributesClassName ?? '<unset>',
      ageCell(object, now),
      spec.volumeMode ?? '<unset>',
    ]
  },
}

function validateClaimSpec(spec: CoreV1PersistentVolumeClaimSpec, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const modes = spec.accessModes ?? []
  const storage = spec.resources?.requests?.['storage']
  if (modes.length === 0) causes.push(required(`${path}.accessModes`, 'at least 1 access mode is required'))
  for (const mode of modes) if (!accessModes.has(mode)) causes.push(notSupported(`${path}.accessModes`, mode, [...accessModes.keys()]))
  if (modes.length > 1 && modes.includes('ReadWriteOncePod'))
    causes.push(forbiddenField(`${path}.accessModes`, 'may not use ReadWriteOncePod with other access modes'))
  if (storage === undefined) causes.push(required(`${path}.resources[storage]`))
  else if (isNegativeAmount(storage)) causes.push(invalidValue(`${path}.resources[storage]`, storage, notNegative))
  if (spec.selector !== undefined) causes.push(...validateLabelSelector(spec.selector, `${path}.selector`))
  if (!['Filesystem', 'Block'].includes(spec.volumeMode ?? 'Filesystem'))
    causes.push(notSupported(`${path}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']))
  return causes
}
