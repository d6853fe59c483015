import { forbiddenField, invalidValue, notSupported } from '../field-errors.ts'
import { AppsV1Deployment, type AppsV1DeploymentSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromObject } from '../labels.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import {
  scaleOf,
  selectorText,
  templateCells,
  templateColumns,
  validateCounts,
  validateIntOrPercent,
  validateTemplateSelector,
} from './workload.ts'

const isZero = (value: string | number | undefined) => value === 0 || value === '0%'

export const deployment: KindPart<AppsV1Deployment> = {
  kind: AppsV1Deployment,
  setDefaults({ spec }) {
    spec.replicas ??= 1
    const strategy = (spec.strategy ??= {})
    strategy.type ||= 'RollingUpdate'
    if (strategy.type === 'RollingUpdate') {
      strategy.rollingUpdate ??= {}
      strategy.rollingUpdate.maxUnavailable ??= '25%'
      strategy.rollingUpdate.maxSurge ??= '25%'
    }
    spec.revisionHistoryLimit ??= 10
    spec.progressDeadlineSeconds ??= 600
    setPodTemplateDefaults(spec.template)
  },
  validate: ({ spec }) => [
    ...validateCounts({
      'spec.replicas': spec.replicas,
      'spec.minReadySeconds': spec.minReadySeconds,
      'spec.revisionHistoryLimit': spec.revisionHistoryLimit,
    }),
    ...validateTemplateSelector(spec.selector, spec.template),
    ...validatePodTemplate(spec.template, 'spec.template', ['Always']),
    ...validateStrategy(spec),
  ],
  validateUpdate: (object, previous) => validateImmutable('spec.selector', object.spec.selector, previous.spec.selector),
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
    textColumn('Ready'),
    integerColumn('Up-to-date'),
    integerColumn('Available'),
    ageColumn,
    ...templateColumns,
    textColumn('Selector', 1),
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 0}`,
    object.status?.updatedReplicas ?? 0,
    object.status?.availableReplicas ?? 0,
    ageCell(object, now),
    ...templateCells(object.spec.template),
    selectorText(object.spec.selector),
  ],
}

function validateStrategy({ strategy, progressDeadlineSeconds = 600, minReadySeconds = 0 }: AppsV1DeploymentSpec): StatusCause[] {
  const causes: StatusCause[] = []
  const rolling = strategy?.rollingUpdate
  if (strategy?.type === 'Recreate') {
    if (rolling !== undefined)
      causes.push(forbiddenField('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"))
  } else if (strategy?.type === 'RollingUpdate') {
    causes.push(...validateIntOrPercent(rolling?.maxUnavailable, 'spec.strategy.rollingUpdate.maxUnavailable'))
    causes.push(...validateIntOrPercent(rolling?.maxSurge, 'spec.strategy.rollingUpdate.maxSurge'))
    if (isZero(rolling?.maxUnavailable) && isZero(rolling?.maxSurge))
      causes.push(invalidValue('spec.strategy.rollingUpdate.maxUnavailable', rolling?.maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
  } else causes.push(notSupported('spec.strategy.type', strategy?.type ?? '', ['Recreate', 'RollingUpdate']))
  if (progressDeadlineSeconds <= minReadySeconds)
    causes.push(invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'))
  return causes
}
