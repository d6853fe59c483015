import { CoreV1Pod } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { setPodOnlyDefaults, setPodSpecDefaults } from './pod-defaults.ts'
import { qosClassOf } from './pod-resources.ts'
import { describePod } from './pod-status-text.ts'
import { validatePodUpdate } from './pod-update.ts'
import { validatePod, validatePodCreate } from './pod-validation.ts'

export const pod: KindPart<CoreV1Pod> = {
  kind: CoreV1Pod,
  setDefaults({ spec }) {
    setPodSpecDefaults(spec)
    setPodOnlyDefaults(spec)
  },
  validate: validatePod,
  validateCreate: validatePodCreate,
  validateUpdate: validatePodUpdate,
  prepareForCreate(object) {
    object.status = { phase: 'Pending', qosClass: qosClassOf(object.spec) }
    if ((object.spec.schedulingGates ?? []).length > 0)
      object.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ]
  },
  prepareForStatusUpdate(object, previous) {
    // Decided once, when the pod was made.
    const qosClass = previous.status?.qosClass
    if (qosClass !== undefined) (object.status ??= {}).qosClass = qosClass
  },
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', description: 'The aggregate readiness state of this pod for accepting traffic.' },
    { name: 'Status', type: 'string', description: 'The aggregate status of the containers in this pod.' },
    {
      name: 'Restarts',
      type: 'string',
      description:
        'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    },
    ageColumn,
    textColumn('IP', 1),
    textColumn('Node', 1),
    textColumn('Nominated Node', 1),
    textColumn('Readiness Gates', 1),
  ],
  cells(object, now) {
    const { spec, status, metadata } = object
    const text = describePod(object, now)
    return [
      metadata.name ?? '',
      text.ready,
      text.status,
      text.restarts,
      ageCell(object, now),
      status?.podIP || status?.podIPs?.[0]?.ip || '<none>',
      spec.nodeName || '<none>',
      status?.nominatedNodeName || '<none>',
      readinessGates(object),
    ]
  },
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
}

function readinessGates({ spec, status }: CoreV1Pod): string {
  const gates = spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const passed = gates.filter(({ conditionType }) =>
    status?.conditions?.some((condition) => condition.type === conditionType && condition.status === 'True'),
  )
  return `${passed.length}/${gates.length}`
}
