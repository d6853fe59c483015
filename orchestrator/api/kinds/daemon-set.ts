import { notSupported } from '../field-errors.ts'
import { AppsV1DaemonSet } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import {
  mapText,
  selectorText,
  templateCells,
  templateColumns,
  validateCounts,
  validateIntOrPercent,
  validateTemplateSelector,
} from './workload.ts'

const strategies = ['OnDelete', 'RollingUpdate']

export const daemonSet: KindPart<AppsV1DaemonSet> = {
  kind: AppsV1DaemonSet,
  setDefaults({ spec }) {
    const strategy = (spec.updateStrategy ??= {})
    strategy.type ||= 'RollingUpdate'
    if (strategy.type === 'RollingUpdate') {
      strategy.rollingUpdate ??= {}
      strategy.rollingUpdate.maxUnavailable ??= 1
      strategy.rollingUpdate.maxSurge ??= 0
    }
    spec.revisionHistoryLimit ??= 10
    setPodTemplateDefaults(spec.template)
  },
  validate({ spec }) {
    const { updateStrategy, minReadySeconds, revisionHistoryLimit } = spec
    return [
      ...validateTemplateSelector(spec.selector, spec.template),
      ...validatePodTemplate(spec.template, 'spec.template', ['Always']),
      ...validateCounts({ 'spec.minReadySeconds': minReadySeconds, 'spec.revisionHistoryLimit': revisionHistoryLimit }),
      ...(strategies.includes(updateStrategy?.type ?? '')
        ? []
        : [notSupported('spec.updateStrategy.type', updateStrategy?.type ?? '', strategies)]),
      ...validateIntOrPercent(updateStrategy?.rollingUpdate?.maxUnavailable, 'spec.updateStrategy.rollingUpdate.maxUnavailable'),
      ...validateIntOrPercent(updateStrategy?.rollingUpdate?.maxSurge, 'spec.updateStrategy.rollingUpdate.maxSurge'),
    ]
  },
  validateUpdate: (object, previous) => validateImmutable('spec.selector', object.spec.selector, previous.spec.selector),
  prepareForCreate(object) {
    object.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 }
  },
  columns: [
    nameColumn,
    integerColumn('Desired'),
    integerColumn('Current'),
    integerColumn('Ready'),
    integerColumn('Up-to-date'),
    integerColumn('Available'),
    textColumn('Node Selector'),
    ageColumn,
    ...templateColumns,
    textColumn('Selector', 1),
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.status?.desiredNumberScheduled ?? 0,
    object.status?.currentNumberScheduled ?? 0,
    object.status?.numberReady ?? 0,
    object.status?.updatedNumberScheduled ?? 0,
    object.status?.numberAvailable ?? 0,
    mapText(object.spec.template?.spec?.nodeSelector),
    ageCell(object, now),
    ...templateCells(object.spec.template),
    selectorText(object.spec.selector),
  ],
}
