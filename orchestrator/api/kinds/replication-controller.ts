import { invalidValue, required } from '../field-errors.ts'
import { CoreV1ReplicationController } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromMap } from '../labels.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateLabels } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import { mapText, scaleOf, templateCells, templateColumns, validateCounts, validateTemplateLabels } from './workload.ts'

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
    const { selector = {}, template, replicas, minReadySeconds } = spec
    return [
      ...validateCounts({ 'spec.minReadySeconds': minReadySeconds, 'spec.replicas': replicas }),
      ...(isEmpty(selector) ? [required('spec.selector')] : validateLabels(selector, 'spec.selector')),
      ...(isEmpty(selector) ? [] : validateTemplateLabels(selectorFromMap(selector), template)),
      ...validatePodTemplate(template, 'spec.template', ['Always']),
      ...(template?.spec?.activeDeadlineSeconds === undefined
        ? []
        : [
            invalidValue(
              'spec.template.spec.activeDeadlineSeconds',
              template.spec.activeDeadlineSeconds,
              'activeDeadlineSeconds in ReplicationController is not Supported',
            ),
          ]),
    ]
  },
  prepareForCreate(object) {
    object.status = { replicas: 0 }
  },
  scale: {
    read: ({ metadata, spec, status }) =>
      scaleOf({ metadata, replicas: spec.replicas ?? 0, statusReplicas: status?.replicas ?? 0, selector: selectorFromMap(spec.selector) }),
    write: (object, replicas) => ({ ...object, spec: { ...object.spec, replicas } }),
  },
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
