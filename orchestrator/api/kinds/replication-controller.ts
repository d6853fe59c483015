import { required } from '../field-errors.ts'
import { checkFields, count, type FieldRules } from '../field-rules.ts'
import { CoreV1ReplicationController, type CoreV1ReplicationControllerSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromMap } from '../labels.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validateLastingTemplate } from './pod-validation.ts'
import { mapText, replicaScale, templateCells, templateColumns, validateTemplateLabels } from './workload.ts'

const rules: FieldRules<CoreV1ReplicationControllerSpec> = { replicas: count, minReadySeconds: count }

const isEmpty = (map: object | undefined) => map === undefined || Object.keys(map).length === 0

export const replicationController: KindPart<CoreV1ReplicationController> = {
  kind: CoreV1ReplicationController,
  setDefaults({ metadata, spec }) {
    const labels = spec.template?.metadata?.labels
    if (labels !== undefined && isEmpty(spec.selector)) spec.selector = { ...labels }
    if (labels !== undefined && isEmpty(metadata.labels)) metadata.labels = { ...labels }
    spec.replicas ??= 1
    setPodTemplateDefaults(spec.template)
  },
  validate({ spec }) {
    const { selector = {}, template } = spec
    return [
      ...checkFields(spec, 'spec', rules),
      ...(isEmpty(selector) ? [required('spec.selector')] : validateTemplateLabels(selectorFromMap(selector), template)),
      ...(template === undefined ? [required('spec.template')] : validateLastingTemplate(template, 'ReplicationController')),
    ]
  },
  prepareForCreate(object) {
    object.status = { replicas: 0 }
  },
  scale: replicaScale(({ selector }) => selectorFromMap(selector)),
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
    mapText(object.spec.selector),
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
}
