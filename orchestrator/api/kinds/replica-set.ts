import { checkFields, count, type FieldRules } from '../field-rules.ts'
import { AppsV1ReplicaSet, type AppsV1ReplicaSetSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromObject } from '../labels.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validateLastingTemplate } from './pod-validation.ts'
import { replicaScale, selectorText, templateCells, templateColumns, validateTemplateSelector } from './workload.ts'

const rules: FieldRules<AppsV1ReplicaSetSpec> = { replicas: count, minReadySeconds: count }

export const replicaSet: KindPart<AppsV1ReplicaSet> = {
  kind: AppsV1ReplicaSet,
  setDefaults({ spec }) {
    spec.replicas ??= 1
    setPodTemplateDefaults(spec.template)
  },
  validate: ({ spec }) => [
    ...checkFields(spec, 'spec', rules),
    ...validateTemplateSelector(spec.selector, spec.template, 'deployment'),
    ...validateLastingTemplate(spec.template, 'ReplicaSet'),
  ],
  validateUpdate: (object, previous) => validateImmutable('spec.selector', object.spec.selector, previous.spec.selector),
  prepareForCreate(object) {
    object.status = { replicas: 0 }
  },
  scale: replicaScale(({ selector }) => selectorFromObject(selector)),
  columns: [
    nameColumn,
    integerColumn('Desired'),
    integerColumn('Current'),
    integerColumn('Ready'),
    ageColumn,
    ...templateColumns,
    textColumn('Selector', 1),
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.spec.replicas ?? 0,
    object.status?.replicas ?? 0,
    object.status?.readyReplicas ?? 0,
    ageCell(object, now),
    ...templateCells(object.spec.template),
    selectorText(object.spec.selector),
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
}
