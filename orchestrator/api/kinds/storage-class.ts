import { isDeepStrictEqual } from 'node:util'
import { duplicate, forbiddenField, required } from '../field-errors.ts'
import { causesOf, checkFields, each, oneOf, partial, type FieldRules } from '../field-rules.ts'
import { StorageV1StorageClass, type CoreV1TopologySelectorTerm } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkQualifiedName } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { parameters, provisioner } from './storage-kinds.ts'

const defaultAnnotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

const rules: FieldRules<StorageV1StorageClass> = {
  provisioner,
  parameters,
  reclaimPolicy: (policy, field) => (policy === '' ? [] : oneOf('Delete', 'Retain')(policy, field)),
  volumeBindingMode: oneOf('Immediate', 'WaitForFirstConsumer'),
  allowedTopologies: each((term, field) => validateTopology(term ?? {}, field)),
}

function validateTopology({ matchLabelExpressions = [] }: CoreV1TopologySelectorTerm, path: string): StatusCause[] {
  return matchLabelExpressions.flatMap((expression, index) => {
    const { key = '', values = [] } = partial(expression)
    const field = `${path}.matchLabelExpressions[${index}]`
    return [
      ...(values.length === 0 ? [required(`${field}.values`)] : []),
      ...values.flatMap((value, at) => (values.indexOf(value) < at ? [duplicate(`${field}.values[${at}]`, value)] : [])),
      ...causesOf(checkQualifiedName, key, `${field}.key`),
      ...(matchLabelExpressions.findIndex((other) => other.key === key) < index ? [duplicate(`${field}.key`, key)] : []),
    ]
  })
}

export const storageClass: KindPart<StorageV1StorageClass> = {
  kind: StorageV1StorageClass,
  setDefaults(object) {
    object.reclaimPolicy ??= 'Delete'
    object.volumeBindingMode ??= 'Immediate'
  },
  validate: (object) => checkFields(object, '', rules),
  validateUpdate: (object, previous) => [
    ...(['parameters', 'provisioner', 'reclaimPolicy'] as const)
      .filter((name) => !isDeepStrictEqual(object[name], previous[name]))
      .map((name) => forbiddenField(name, `updates to ${name} are forbidden.`)),
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
