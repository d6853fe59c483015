import { isDeepStrictEqual } from 'node:util'
import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import { checkFields, formed, oneOf, present, type FieldRules } from '../field-rules.ts'
import { CoreV1PersistentVolumeClaim, type CoreV1PersistentVolumeClaimSpec, type CoreV1TypedObjectReference } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkLabel, checkSubdomain } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { immutable, validateImmutable, validateLabelSelector } from '../validation.ts'
import { checkPositive } from './resource-validation.ts'

/** How a volume may be mounted, as the tables abbreviate it. */
const accessModes: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
])
const modeNames = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const fixedMessage = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
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
  validateUpdate: validateClaimUpdate,
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

/** How a claim's or a volume's modes go together. */
export function validateAccessModes(modes: readonly string[], field: string): StatusCause[] {
  const known = modes.filter((mode) => accessModes.has(mode))
  return [
    ...modes.flatMap((mode) => oneOf(...modeNames)(mode, field)),
    ...(known.includes('ReadWriteOncePod') && known.some((mode) => mode !== 'ReadWriteOncePod')
      ? [forbiddenField(field, 'may not use ReadWriteOncePod with other access modes')]
      : []),
  ]
}

export const volumeMode = oneOf('Block', 'Filesystem')

const rules: FieldRules<CoreV1PersistentVolumeClaimSpec> = {
  accessModes: (modes = [], field) => [
    ...(modes.length === 0 ? [required(field, 'at least 1 access mode is required')] : []),
    ...validateAccessModes(modes, field),
  ],
  selector: (selector, field) => (selector === undefined ? [] : validateLabelSelector(selector, field)),
  storageClassName: formed(checkSubdomain),
  volumeMode,
  // Upstream takes no notice of other sources here: `dataSourceRef` has them.
  dataSource: (source, field) => (source === undefined || !isKnownSource(source) ? [] : validateSource(source, field)),
  dataSourceRef: (source, field) =>
    source === undefined ? [] : [...validateSource(source, field), ...formed(checkLabel)(source.namespace, `${field}.namespace`)],
  volumeAttributesClassName: formed(checkSubdomain),
}

const isKnownSource = ({ apiGroup, kind }: CoreV1TypedObjectReference) =>
  apiGroup ? apiGroup === 'snapshot.storage.k8s.io' && kind === 'VolumeSnapshot' : kind === 'PersistentVolumeClaim'

function validateSource({ apiGroup, kind, name }: CoreV1TypedObjectReference, field: string): StatusCause[] {
  return [
    ...present()(name, `${field}.name`),
    ...present()(kind, `${field}.kind`),
    ...(!apiGroup && kind !== 'PersistentVolumeClaim'
      ? [invalidValue(field, kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup")]
      : []),
    ...formed(checkSubdomain)(apiGroup, `${field}.apiGroup`),
  ]
}

/** Everything wrong with a claim's spec, also of one that is made from a template. */
export function validateClaimSpec(spec: CoreV1PersistentVolumeClaimSpec, path: string): StatusCause[] {
  const field = `${path}.resources[storage]`
  const storage = spec.resources?.requests?.['storage']
  const { dataSource, dataSourceRef } = spec
  const isOther =
    dataSource !== undefined &&
    dataSourceRef !== undefined &&
    isKnownSource(dataSource) &&
    (['apiGroup', 'kind', 'name'] as const).some((name) => dataSource[name] !== dataSourceRef[name])
  const refuse = (why: string) => [invalidValue(path, {}, why)]
  return [
    ...checkFields(spec, path, rules),
    ...(storage === undefined ? [required(field)] : checkPositive(storage, field)),
    ...(dataSource !== undefined && dataSourceRef?.namespace
      ? refuse('may not be specified when dataSourceRef.namespace is specified')
      : isOther
        ? refuse('must match dataSourceRef')
        : []),
  ]
}

/** A bound claim may ask for more room and for other attributes; nothing else changes, but for what was not said yet. */
function validateClaimUpdate(object: CoreV1PersistentVolumeClaim, previous: CoreV1PersistentVolumeClaim): StatusCause[] {
  const [{ spec }, { spec: before }] = [object, previous]
  const isBound = previous.status?.phase === 'Bound'
  const beta = [object, previous].map(({ metadata }) => metadata.annotations?.[classAnnotation])
  const wasNamed = before.storageClassName === undefined && (beta[1] === undefined || spec.storageClassName === beta[1])
  const fixed = ({ resources, ...rest }: CoreV1PersistentVolumeClaimSpec) => ({
    ...rest,
    volumeName: before.volumeName ? rest.volumeName : undefined,
    storageClassName: wasNamed ? undefined : rest.storageClassName,
    volumeAttributesClassName: isBound ? undefined : rest.volumeAttributesClassName,
    resources: isBound ? { ...resources, requests: { ...resources?.requests, storage: '' } } : resources,
  })
  const size = (text: string | undefined) => tryParseQuantity(text ?? '0')?.nanos ?? 0n
  const [asked, had] = [size(spec.resources?.requests?.['storage']), size(before.resources?.requests?.['storage'])]
  return [
    ...(isDeepStrictEqual(fixed(spec), fixed(before)) ? [] : [forbiddenField('spec', fixedMessage)]),
    ...(asked < had && asked <= size(previous.status?.capacity?.['storage'])
      ? [forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity')]
      : []),
    ...validateImmutable('volumeMode', spec.volumeMode, before.volumeMode),
    ...(beta[0] === beta[1] || spec.storageClassName === beta[1]
      ? []
      : [immutable(`metadata.annotations.${classAnnotation}`, beta[0] ?? '')]),
  ]
}
