import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import { CoreV1Event, EventsV1Event } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { KubeObject } from '../object.ts'
import { integerColumn, nameColumn, sinceCell, textColumn } from '../table-cells.ts'

type Cells = KindPart<CoreV1Event>['cells']
type Fields = NonNullable<KindPart<CoreV1Event>['selectableFields']>

const columns = [
  textColumn('Last Seen'),
  textColumn('Type'),
  textColumn('Reason'),
  textColumn('Object'),
  textColumn('Subobject', 1),
  textColumn('Source', 1),
  textColumn('Message'),
  textColumn('First Seen', 1),
  integerColumn('Count', 1),
  { ...nameColumn, priority: 1 },
]

const cells: NonNullable<Cells> = (event, now) => {
  const { involvedObject, series } = event
  const first = event.firstTimestamp ?? event.eventTime
  const last = series?.lastObservedTime ?? event.lastTimestamp ?? first
  return [
    sinceCell(last, now),
    event.type ?? '',
    event.reason ?? '',
    `${(involvedObject?.kind ?? '').toLowerCase()}/${involvedObject?.name ?? ''}`,
    involvedObject?.fieldPath ?? '',
    sourceText(event),
    (event.message ?? '').trim(),
    sinceCell(first, now),
    series?.count ?? event.count ?? 1,
    event.metadata.name ?? '',
  ]
}

function sourceText({ source, reportingComponent, reportingInstance }: CoreV1Event): string {
  const component = source?.component || reportingComponent || ''
  const host = source?.host || reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}

const objectFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const

const fieldsOf = (prefix: string): Fields => ({
  ...Object.fromEntries(objectFields.map((field) => [`${prefix}.${field}`, (event: CoreV1Event) => event.involvedObject?.[field] ?? ''])),
  reason: ({ reason }) => reason ?? '',
  reportingComponent: ({ reportingComponent, source }) => reportingComponent || source?.component || '',
  source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
  type: ({ type }) => type ?? '',
})

export const coreEvent: KindPart<CoreV1Event> = {
  kind: CoreV1Event,
  nameRule: 'path',
  createsOnUpdate: true,
  setDefaults(event) {
    event.source ??= {}
    event.reportingComponent ??= ''
    event.reportingInstance ??= ''
  },
  validate({ metadata, involvedObject }) {
    // Events about cluster-scoped objects live in the default namespace.
    const namespace = involvedObject?.namespace ?? ''
    if (namespace === '') return []
    return namespace === metadata.namespace ? [] : [invalidValue('involvedObject.namespace', namespace, 'does not match event.namespace')]
  },
  columns,
  cells,
  selectableFields: fieldsOf('involvedObject'),
}

/** The same event under its other names. */
function toCore({ kind, metadata, ...event }: EventsV1Event): CoreV1Event {
  return withoutUndefined({
    apiVersion: 'v1',
    kind,
    metadata,
    involvedObject: event.regarding ?? {},
    related: event.related,
    reason: event.reason,
    message: event.note,
    source: event.deprecatedSource ?? {},
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
    type: event.type,
    eventTime: event.eventTime,
    series: event.series,
    action: event.action,
    reportingComponent: event.reportingController ?? '',
    reportingInstance: event.reportingInstance ?? '',
  }) as unknown as CoreV1Event
}

function fromCore(object: KubeObject): EventsV1Event {
  const event = object as CoreV1Event
  return withoutUndefined({
    apiVersion: 'events.k8s.io/v1',
    kind: event.kind,
    metadata: event.metadata,
    eventTime: event.eventTime,
    series: event.series,
    reportingController: event.reportingComponent,
    reportingInstance: event.reportingInstance,
    action: event.action,
    reason: event.reason,
    regarding: event.involvedObject,
    related: event.related,
    note: event.message,
    type: event.type,
    deprecatedSource: event.source,
    deprecatedFirstTimestamp: event.firstTimestamp,
    deprecatedLastTimestamp: event.lastTimestamp,
    deprecatedCount: event.count,
  }) as unknown as EventsV1Event
}

function withoutUndefined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

export const event: KindPart<EventsV1Event> = {
  kind: EventsV1Event,
  storage: { kind: CoreV1Event, toStorage: toCore, fromStorage: fromCore },
  validate: ({ eventTime, reportingController, action }) => [
    ...(eventTime === undefined ? [] : reportingController ? [] : [required('reportingController')]),
    ...(eventTime === undefined || action ? [] : [required('action')]),
  ],
  validateUpdate: (object, previous) =>
    object.eventTime === previous.eventTime ? [] : [forbiddenField('eventTime', 'may not change once set')],
  columns,
  cells: (object, now) => cells(toCore(object), now),
  selectableFields: Object.fromEntries(
    Object.entries(fieldsOf('regarding')).map(([name, read]) => [name, (object: EventsV1Event) => read(toCore(object))]),
  ),
}
