import { notSupported, required } from '../field-errors.ts'
import { StorageV1StorageClass } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'

const defaultAnnotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']
const reclaimPolicies = ['Delete', 'Retain']
const bindingModes = ['Immediate', 'WaitForFirstConsumer']

export const storageClass: KindPart<StorageV1StorageClass> = {
  kind: StorageV1StorageClass,
  setDefaults(object) {
    object.reclaimPolicy ??= 'Delete'
    object.volumeBindingMode ??= 'Immediate'
  },
  validate: ({ provisioner, reclaimPolicy = '', volumeBindingMode = '' }) => [
    ...(provisioner ? [] : [required('provisioner')]),
    ...(reclaimPolicies.includes(reclaimPolicy) ? [] : [notSupported('reclaimPolicy', reclaimPolicy, reclaimPolicies)]),
    ...(bindingModes.includes(volumeBindingMode) ? [] : [notSupported('volumeBindingMode', volumeBindingMode, bindingModes)]),
  ],
  validateUpdate: (object, previous) => [
    ...validateImmutable('parameters', object.parameters, previous.parameters),
    ...validateImmutable('provisioner', object.provisioner, previous.provisioner),
    ...validateImmutable('reclaimPolicy', object.reclaimPolicy, previous.reclaimPolicy),
    ...validateImmutable('volumeBindingMode', object.volumeBindingMode, previous.volumeBindingMode),
  ],
  columns: [
    nameColumn,
    textColumn('Provisioner'),
    textColumn('ReclaimPolicy'),
    textColumn('VolumeBindingMode'),
    { name: 'AllowVolumeExpansion', type: 'boolean' },
    ageColumn,
  ],
  cells(object, now) {
    const isDefault = defaultAnnotations.some((name) => object.metadata.annotations?.[name] === 'true')
    return [
      `${object.metadata.name ?? ''}${isDefault ? ' (default)' : ''}`,
      object.provisioner,
      object.reclaimPolicy ?? 'Delete',
      object.volumeBindingMode ?? '<unset>',
      object.allowVolumeExpansion ?? false,
      ageCell(object, now),
    ]
  },
}
