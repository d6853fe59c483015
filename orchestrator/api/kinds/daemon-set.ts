import { invalidValue, notSupported, required } from '../field-errors.ts'
import { checkFields, count, type FieldRules } from '../field-rules.ts'
import {
  AppsV1DaemonSet,
  type AppsV1DaemonSetSpec,
  type AppsV1DaemonSetUpdateStrategy,
  type AppsV1RollingUpdateDaemonSet,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable, validateLabelSelector } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validateLastingTemplate } from './pod-validation.ts'
import { isNone, mapText, mismatch, selectorText, share, templateCells, templateColumns, validateTemplateSelector } from './workload.ts'

const rules: FieldRules<AppsV1DaemonSetSpec> = { minReadySeconds: count, revisionHistoryLimit: count }
const rollingRules: FieldRules<AppsV1RollingUpdateDaemonSet> = { maxUnavailable: share, maxSurge: share }

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
  validate: ({ spec }) => [
    ...validateSelector(spec),
    ...validateLastingTemplate(spec.template, 'DaemonSet'),
    ...checkFields(spec, 'spec', rules),
    ...validateStrategy(spec.updateStrategy ?? {}),
  ],
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

/** Upstream does not ask for a selector: one that is left out selects nothing, so not the template's pods either. */
function validateSelector({ selector, template }: AppsV1DaemonSetSpec): StatusCause[] {
  if (selector === undefined) return mismatch(template)
  const causes = validateLabelSelector(selector, 'spec.selector')
  return causes.length > 0 ? causes : validateTemplateSelector(selector, template, 'daemonset')
}

function validateStrategy(strategy: AppsV1DaemonSetUpdateStrategy): StatusCause[] {
  const { type, rollingUpdate: rolling } = strategy
  const path = 'spec.updateStrategy.rollingUpdate'
  if (type === 'OnDelete') return []
  if (type !== 'RollingUpdate') return [notSupported('spec.updateStrategy', strategy, ['RollingUpdate', 'OnDelete'])]
  if (rolling === undefined) return [required(path)]
  const causes = checkFields(rolling, path, rollingRules)
  const [hasUnavailable, hasSurge] = [!isNone(rolling.maxUnavailable), !isNone(rolling.maxSurge)]
  if (hasUnavailable && hasSurge)
    causes.push(invalidValue(`${path}.maxSurge`, rolling.maxSurge, 'may not be set when maxUnavailable is non-zero'))
  if (!hasUnavailable && !hasSurge) causes.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  return causes
}
