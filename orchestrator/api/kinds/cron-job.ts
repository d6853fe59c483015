import { invalidValue, notSupported, required } from '../field-errors.ts'
import { BatchV1CronJob } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { isTimeZone, parseSchedule } from '../schedule.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, sinceCell, textColumn } from '../table-cells.ts'
import { validateJobSpec } from './job.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { selectorText, templateCells, templateColumns, validateCounts } from './workload.ts'

const policies = ['Allow', 'Forbid', 'Replace']
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
    const {
      schedule,
      concurrencyPolicy = '',
      jobTemplate,
      startingDeadlineSeconds,
      successfulJobsHistoryLimit,
      failedJobsHistoryLimit,
    } = spec
    return [
      ...((metadata.name ?? '').length > maxNameLength
        ? [invalidValue('metadata.name', metadata.name, `must be no more than ${maxNameLength} characters`)]
        : []),
      ...(schedule ? validateSchedule(schedule, spec.timeZone) : [required('spec.schedule')]),
      ...(policies.includes(concurrencyPolicy) ? [] : [notSupported('spec.concurrencyPolicy', concurrencyPolicy, policies)]),
      ...validateCounts({
        'spec.startingDeadlineSeconds': startingDeadlineSeconds,
        'spec.successfulJobsHistoryLimit': successfulJobsHistoryLimit,
        'spec.failedJobsHistoryLimit': failedJobsHistoryLimit,
      }),
      ...(jobTemplate?.spec === undefined
        ? [required('spec.jobTemplate.spec')]
        : validateJobSpec(jobTemplate.spec, 'spec.jobTemplate.spec')),
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

function validateSchedule(schedule: string, timeZone: string | undefined) {
  if (schedule.includes('TZ'))
    return [invalidValue('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')]
  if (timeZone !== undefined && !isTimeZone(timeZone)) return [invalidValue('spec.timeZone', timeZone, `unknown time zone ${timeZone}`)]
  try {
    parseSchedule(schedule)
    return []
  } catch (error) {
    return [invalidValue('spec.schedule', schedule, (error as Error).message)]
  }
}
