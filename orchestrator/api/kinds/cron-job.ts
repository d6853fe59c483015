import { invalidValue, required } from '../field-errors.ts'
import { checkFields, choice, count, type FieldRules } from '../field-rules.ts'
import { BatchV1CronJob, type BatchV1CronJobSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { isTimeZone, parseSchedule } from '../schedule.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, sinceCell, textColumn } from '../table-cells.ts'
import { validateJobTemplate } from './job-validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { selectorText, templateCells, templateColumns } from './workload.ts'

const rules: FieldRules<BatchV1CronJobSpec> = {
  schedule: checkSchedule,
  startingDeadlineSeconds: count,
  timeZone: checkTimeZone,
  concurrencyPolicy: choice(['Allow', 'Forbid', 'Replace']),
  successfulJobsHistoryLimit: count,
  failedJobsHistoryLimit: count,
}
/** The controller appends eleven characters for each job. */
const maxNameLength = 52

export const cronJob: KindPart<BatchV1CronJob> = {
  kind: BatchV1CronJob,
  setDefaults({ spec }) {
    spec.concurrencyPolicy ||= 'Allow'
    spec.suspend ??= false
    spec.successfulJobsHistoryLimit ??= 3
    spec.failedJobsHistoryLimit ??= 1
    setPodTemplateDefaults(spec.jobTemplate?.spec?.template)
  },
  validate({ metadata, spec }) {
    const template = spec.jobTemplate?.spec
    return [
      ...((metadata.name ?? '').length > maxNameLength
        ? [invalidValue('metadata.name', metadata.name, `must be no more than ${maxNameLength} characters`)]
        : []),
      ...checkFields(spec, 'spec', rules),
      ...(template === undefined ? [required('spec.jobTemplate.spec')] : validateJobTemplate(template, 'spec.jobTemplate.spec')),
    ]
  },
  columns: [
    nameColumn,
    textColumn('Schedule'),
    textColumn('Timezone'),
    { name: 'Suspend', type: 'boolean' },
    integerColumn('Active'),
    textColumn('Last Schedule'),
    ageColumn,
    ...templateColumns,
    textColumn('Selector', 1),
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.spec.schedule,
    object.spec.timeZone ?? '<none>',
    object.spec.suspend ?? false,
    object.status?.active?.length ?? 0,
    object.status?.lastScheduleTime === undefined ? '<none>' : sinceCell(object.status.lastScheduleTime, now),
    ageCell(object, now),
    ...templateCells(object.spec.jobTemplate?.spec?.template),
    selectorText(object.spec.jobTemplate?.spec?.selector),
  ],
}

function checkSchedule(schedule: string | undefined, field: string): StatusCause[] {
  if (!schedule) return [required(field)]
  const causes: StatusCause[] = []
  try {
    // The time zone is a field's; a schedule with one of its own is told so below.
    parseSchedule(schedule.replace(/^(?:CRON_)?TZ=\S+\s+/, ''))
  } catch (error) {
    causes.push(invalidValue(field, schedule, (error as Error).message))
  }
  if (schedule.includes('TZ'))
    causes.push(invalidValue(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'))
  return causes
}

function checkTimeZone(zone: string | undefined, field: string): StatusCause[] {
  if (zone === undefined) return []
  if (zone === '') return [invalidValue(field, zone, 'timeZone must be nil or non-empty string')]
  if (zone.toLowerCase() === 'local')
    return [
      invalidValue(field, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
      ...(zone === 'Local' ? [] : [invalidValue(field, zone, `unknown time zone ${zone}`)]),
    ]
  return isTimeZone(zone) ? [] : [invalidValue(field, zone, `unknown time zone ${zone}`)]
}
