import { fromTimestamp } from '../../../lib/clock.ts'
import { humanDuration } from '../duration.ts'
import { invalidValue, notSupported, required } from '../field-errors.ts'
import { BatchV1Job, type BatchV1JobSpec, type MetaV1ObjectMeta } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromObject } from '../labels.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable, validateLabelSelector } from '../validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import { selectorText, templateCells, templateColumns, validateCounts, validateTemplateLabels } from './workload.ts'

const completionModes = ['Indexed', 'NonIndexed']
const restartPolicies = ['OnFailure', 'Never']

export const job: KindPart<BatchV1Job> = {
  kind: BatchV1Job,
  setDefaults({ spec, metadata }) {
    if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
    spec.parallelism ??= 1
    spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2_147_483_647
    spec.completionMode ??= 'NonIndexed'
    spec.suspend ??= false
    spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
    spec.manualSelector ??= false
    setLabelDefaults(metadata, spec)
    setPodTemplateDefaults(spec.template)
  },
  validate: ({ spec }) => [
    ...validateJobSpec(spec, 'spec'),
    ...(spec.selector === undefined ? [required('spec.selector')] : validateLabelSelector(spec.selector, 'spec.selector')),
    ...validateTemplateLabels(selectorFromObject(spec.selector) ?? [], spec.template),
  ],
  validateUpdate(object, previous) {
    const isSuspended = previous.spec.suspend === true && previous.status?.startTime === undefined
    return [
      ...(object.spec.completionMode === 'Indexed'
        ? []
        : validateImmutable('spec.completions', object.spec.completions, previous.spec.completions)),
      ...validateImmutable('spec.selector', object.spec.selector, previous.spec.selector),
      ...(isSuspended ? [] : validateImmutable('spec.template', object.spec.template, previous.spec.template)),
      ...validateImmutable('spec.completionMode', object.spec.completionMode, previous.spec.completionMode),
      ...validateImmutable('spec.backoffLimitPerIndex', object.spec.backoffLimitPerIndex, previous.spec.backoffLimitPerIndex),
    ]
  },
  prepareForCreate(object) {
    if (object.spec.manualSelector === true) return
    setGeneratedSelector(object)
    setLabelDefaults(object.metadata, object.spec)
  },
  columns: [
    nameColumn,
    textColumn('Status'),
    textColumn('Completions'),
    textColumn('Duration'),
    ageColumn,
    ...templateColumns,
    textColumn('Selector', 1),
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    statusText(object),
    completionText(object),
    durationText(object, now),
    ageCell(object, now),
    ...templateCells(object.spec.template),
    selectorText(object.spec.selector),
  ],
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
}

/** A job without labels is labelled as its pods are. */
function setLabelDefaults(metadata: MetaV1ObjectMeta, { template }: BatchV1JobSpec): void {
  const labels = template?.metadata?.labels
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
}

/** The pods of a job are known by its UID, so that a second job of the same name never adopts them. */
function setGeneratedSelector({ metadata, spec }: BatchV1Job): void {
  const uid = metadata.uid ?? ''
  const name = metadata.name ?? ''
  const template = (spec.template ??= {})
  const templateMetadata = (template.metadata ??= {})
  const generated = {
    'controller-uid': uid,
    'job-name': name,
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
  }
  templateMetadata.labels = { ...templateMetadata.labels, ...generated }
  spec.selector = { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, 'batch.kubernetes.io/controller-uid': uid } }
}

/** The rules of a job's spec, without those of its selector, which a CronJob's template doesn't have. */
export function validateJobSpec(spec: BatchV1JobSpec, path: string): StatusCause[] {
  const { parallelism, completions, backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished, completionMode } = spec
  return [
    ...validateCounts({
      [`${path}.parallelism`]: parallelism,
      [`${path}.completions`]: completions,
      [`${path}.activeDeadlineSeconds`]: activeDeadlineSeconds,
      [`${path}.backoffLimit`]: backoffLimit,
      [`${path}.ttlSecondsAfterFinished`]: ttlSecondsAfterFinished,
    }),
    ...(completionMode === undefined || completionModes.includes(completionMode)
      ? []
      : [notSupported(`${path}.completionMode`, completionMode, completionModes)]),
    ...(completionMode === 'Indexed' && completions === undefined
      ? [required(`${path}.completions`, 'when completion mode is Indexed')]
      : []),
    ...(completionMode === 'Indexed' && (parallelism ?? 0) > 100_000
      ? [invalidValue(`${path}.parallelism`, parallelism, 'must be less than or equal to 100000 when completion mode is Indexed')]
      : []),
    ...validatePodTemplate(spec.template, `${path}.template`, restartPolicies),
  ]
}

function statusText({ status, metadata }: BatchV1Job): string {
  const has = (type: string) => status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (has('Suspended')) return 'Suspended'
  if (has('FailureTarget')) return 'FailureTarget'
  return has('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running'
}

function completionText({ spec, status }: BatchV1Job): string {
  const succeeded = status?.succeeded ?? 0
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationText({ status }: BatchV1Job, now: number): string {
  const start = fromTimestamp(status?.startTime)
  if (start === undefined) return ''
  return humanDuration((fromTimestamp(status?.completionTime) ?? now) - start)
}
