import { fromTimestamp } from '../../../lib/clock.ts'
import { humanDuration } from '../duration.ts'
import { invalidValue, required } from '../field-errors.ts'
import { BatchV1Job, type BatchV1JobSpec, type CoreV1Affinity, type MetaV1ObjectMeta } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { matchesLabels, selectorFromObject } from '../labels.ts'
import { checkLabel } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable, validateLabelSelector } from '../validation.ts'
import { validateJobSpec } from './job-validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { selectorText, templateCells, templateColumns, validateTemplateLabels } from './workload.ts'

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
    for (const { onPodConditions } of spec.podFailurePolicy?.rules ?? [])
      for (const pattern of onPodConditions ?? []) pattern.status ||= 'True'
    setLabelDefaults(metadata, spec)
    setPodTemplateDefaults(spec.template)
  },
  validate: (object) => [
    ...validateGeneratedSelector(object),
    ...validateJobSpec(object.spec, 'spec'),
    ...validateSelector(object.spec),
    ...validateIndexedName(object),
  ],
  validateUpdate: ({ spec }, { spec: previous }) => [
    ...validateCompletionsChange(spec, previous),
    ...validateImmutable('spec.selector', spec.selector, previous.selector),
    ...validateImmutable('spec.template', fixedTemplate(spec, previous), fixedTemplate(previous, previous)),
    ...(['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const).flatMap((name) =>
      validateImmutable(`spec.${name}`, spec[name], previous[name]),
    ),
  ],
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

const nameLabels = ['job-name', 'batch.kubernetes.io/job-name']
const uidLabels = ['controller-uid', 'batch.kubernetes.io/controller-uid']

/** Labels that the server gives to a job's pods must be the job's own: a client that brings others along is mistaken. */
function validateGeneratedSelector({ metadata, spec }: BatchV1Job): StatusCause[] {
  if (spec.manualSelector === true || spec.selector === undefined) return []
  const expected: Readonly<Record<string, string>> = Object.fromEntries([
    ...uidLabels.map((label) => [label, metadata.uid ?? ''] as const),
    ...nameLabels.map((label) => [label, metadata.name ?? ''] as const),
  ])
  const labels = spec.template?.metadata?.labels ?? {}
  const causes = Object.entries(expected)
    .filter(([label, value]) => labels[label] !== value)
    .map(([label, value]) =>
      labels[label] === undefined
        ? required(`spec.template.metadata.labels[${label}]`, `must be '${value}'`)
        : invalidValue(`spec.template.metadata.labels[${label}]`, labels, `must be '${value}'`),
    )
  const selector = selectorFromObject(spec.selector) ?? []
  return matchesLabels(selector, expected)
    ? causes
    : [...causes, invalidValue('spec.selector', spec.selector, '`selector` not auto-generated')]
}

function validateSelector({ selector, template }: BatchV1JobSpec): StatusCause[] {
  if (selector === undefined) return [required('spec.selector')]
  return [...validateLabelSelector(selector, 'spec.selector'), ...validateTemplateLabels(selectorFromObject(selector) ?? [], template)]
}

/** Pods of an indexed job are hosts called by name and index. */
function validateIndexedName({ metadata, spec }: BatchV1Job): StatusCause[] {
  if (spec.completionMode !== 'Indexed' || (spec.completions ?? 0) <= 0) return []
  const host = `${metadata.name}-${spec.completions! - 1}`
  return checkLabel(host).length === 0
    ? []
    : [invalidValue('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${host}`)]
}

/** An indexed job can be made larger or smaller as a whole. */
function validateCompletionsChange(spec: BatchV1JobSpec, previous: BatchV1JobSpec): StatusCause[] {
  const field = 'spec.completions'
  if (spec.completionMode !== 'Indexed' || spec.completions === undefined)
    return spec.completionMode === 'Indexed' ? [] : validateImmutable(field, spec.completions, previous.completions)
  return spec.completions === previous.completions || spec.completions === spec.parallelism
    ? []
    : [invalidValue(field, spec.completions, 'can only be modified in tandem with spec.parallelism')]
}

/** What of a template stays: all, or of a job that waits to be started all that doesn't say where its pods are to run. */
function fixedTemplate({ template }: BatchV1JobSpec, previous: BatchV1JobSpec): object | undefined {
  if (previous.suspend !== true || template?.spec === undefined) return template
  const { affinity, nodeSelector: _, tolerations: __, schedulingGates: ___, ...spec } = template.spec
  const { nodeAffinity: ____, ...others }: CoreV1Affinity = affinity ?? {}
  const { labels: _____, annotations: ______, ...metadata }: MetaV1ObjectMeta = template.metadata ?? {}
  return { metadata, spec: { ...spec, affinity: others } }
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
