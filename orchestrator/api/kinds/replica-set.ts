import { AppsV1ReplicaSet } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromObject } from '../labels.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import { scaleOf, selectorText, templateCells, templateColumns, validateCounts, validateTemplateSelector } from './workload.ts'

export const replicaSet: KindPart<AppsV1ReplicaSet> = {
  kind: AppsV1ReplicaSet,
  setDefaults({ spec }) {
    spec.replicas ??= 1
    setPodTemplateDefaults(spec.template)
  },
  validate: ({ spec }) => [
    ...validateCounts({ 'spec.replicas': spec.replicas, 'spec.minReadySeconds': spec.minReadySeconds }),
    ...validateTemplateSelector(spec.selector, spec.template),
    ...validatePodTemplate(spec.template, 'spec.template', ['Always']),
  ],
  validateUpdate: (object, previous) => validateImmutable('spec.selector', object.spec.selector, previous.spec.selector),
  prepareForCreate(object) {
    object.status = { replicas: 0 }
  },
  scale: {
    read: ({ metadata, spec, status }) =>
      scaleOf({
        metadata,
        replicas: spec.replicas ?? 0,
        statusReplicas: status?.replicas ?? 0,
        selector: selectorFromObject(spec.selector),
      }),
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
    selectorText(object.spec.selector),
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
}
