import { forbiddenField, invalidValue, notSupported } from '../field-errors.ts'
import { checkFields, count, type FieldRules } from '../field-rules.ts'
import { AppsV1Deployment, type AppsV1DeploymentSpec, type AppsV1RollingUpdateDeployment } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromObject } from '../labels.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validateLastingTemplate } from './pod-validation.ts'
import {
  countOrPercent,
  isNone,
  replicaScale,
  selectorText,
  share,
  templateCells,
  templateColumns,
  validateTemplateSelector,
} from './workload.ts'

const rules: FieldRules<AppsV1DeploymentSpec> = {
  replicas: count,
  minReadySeconds: count,
  revisionHistoryLimit: count,
  progressDeadlineSeconds: count,
}
const rollingRules: FieldRules<AppsV1RollingUpdateDeployment> = { maxUnavailable: share, maxSurge: countOrPercent }

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
    ...checkFields(spec, 'spec', rules),
    ...validateTemplateSelector(spec.selector, spec.template, 'deployment'),
    ...validateLastingTemplate(spec.template, 'ReplicaSet'),
    ...validateStrategy(spec),
  ],
  validateUpdate: (object, previous) => validateImmutable('spec.selector', object.spec.selector, previous.spec.selector),
  scale: replicaScale(({ selector }) => selectorFromObject(selector)),
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

function validateStrategy({ strategy = {}, progressDeadlineSeconds, minReadySeconds = 0 }: AppsV1DeploymentSpec): StatusCause[] {
  const causes: StatusCause[] = []
  const { type, rollingUpdate: rolling = {} } = strategy
  const path = 'spec.strategy.rollingUpdate'
  if (type === 'Recreate') {
    if (strategy.rollingUpdate !== undefined) causes.push(forbiddenField(path, "may not be specified when strategy `type` is 'Recreate'"))
  } else if (type === 'RollingUpdate') {
    causes.push(...checkFields(rolling, path, rollingRules))
    if (isNone(rolling.maxUnavailable) && isNone(rolling.maxSurge))
      causes.push(invalidValue(`${path}.maxUnavailable`, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
  } else causes.push(notSupported('spec.strategy', strategy, ['Recreate', 'RollingUpdate']))
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds)
    causes.push(invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'))
  return causes
}
