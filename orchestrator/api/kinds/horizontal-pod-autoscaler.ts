import {
  AutoscalingV1HorizontalPodAutoscaler,
  AutoscalingV2HorizontalPodAutoscaler,
  type AutoscalingV2HPAScalingRules,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { fromV2, toV2 } from './horizontal-pod-autoscaler-v1.ts'
import { validateAutoscaler } from './horizontal-pod-autoscaler-validation.ts'
import { metricsText } from './metrics-text.ts'

/** CPU use that an autoscaler without metrics aims at, percent of the request. */
const defaultUtilization = 80
const columns = [
  nameColumn,
  textColumn('Reference'),
  textColumn('Targets'),
  textColumn('MinPods'),
  textColumn('MaxPods'),
  integerColumn('Replicas'),
  ageColumn,
]

const cellsOf = (object: AutoscalingV2HorizontalPodAutoscaler, now: number) => [
  object.metadata.name ?? '',
  `${object.spec.scaleTargetRef?.kind}/${object.spec.scaleTargetRef?.name}`,
  metricsText(object.spec.metrics ?? [], object.status?.currentMetrics ?? []),
  object.spec.minReplicas === undefined ? '<unset>' : String(object.spec.minReplicas),
  String(object.spec.maxReplicas),
  object.status?.currentReplicas ?? 0,
  ageCell(object, now),
]

function setDefaults({ spec }: AutoscalingV2HorizontalPodAutoscaler): void {
  spec.minReplicas ??= 1
  if ((spec.metrics ?? []).length === 0)
    spec.metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: defaultUtilization } } },
    ]
  if (spec.behavior === undefined) return
  const up = [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ]
  spec.behavior.scaleUp = withRuleDefaults({ stabilizationWindowSeconds: 0, policies: up }, spec.behavior.scaleUp)
  spec.behavior.scaleDown = withRuleDefaults({ policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] }, spec.behavior.scaleDown)
}

function withRuleDefaults(defaults: AutoscalingV2HPAScalingRules, given: AutoscalingV2HPAScalingRules = {}): AutoscalingV2HPAScalingRules {
  const { policies, ...rest } = given
  return { ...defaults, selectPolicy: 'Max', ...rest, policies: policies ?? defaults.policies! }
}

/** Stored as v2; the other versions are views of it. */
export const horizontalPodAutoscaler: KindPart<AutoscalingV2HorizontalPodAutoscaler> = {
  kind: AutoscalingV2HorizontalPodAutoscaler,
  setDefaults,
  validate: ({ spec }) => validateAutoscaler(spec),
  prepareForCreate(object) {
    object.status = { desiredReplicas: 0 }
  },
  columns,
  cells: cellsOf,
}

export const horizontalPodAutoscalerV1: KindPart<AutoscalingV1HorizontalPodAutoscaler> = {
  kind: AutoscalingV1HorizontalPodAutoscaler,
  storage: {
    kind: AutoscalingV2HorizontalPodAutoscaler,
    toStorage: toV2,
    fromStorage: (object) => fromV2(object as AutoscalingV2HorizontalPodAutoscaler),
  },
  setDefaults({ spec, metadata }) {
    spec.minReplicas ??= 1
    // Metrics of other kinds travel in an annotation; only an autoscaler without any gets the default.
    if (
      spec.targetCPUUtilizationPercentage === undefined &&
      metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] === undefined
    )
      spec.targetCPUUtilizationPercentage = defaultUtilization
  },
  validate: (object) => validateAutoscaler(toV2(object).spec).map(asV1Cause),
  prepareForCreate(object) {
    object.status = { currentReplicas: 0, desiredReplicas: 0 }
  },
  columns,
  cells: (object, now) => cellsOf(toV2(object), now),
}

const asV1Cause = (cause: StatusCause): StatusCause =>
  cause.field === 'spec.metrics[0].resource.target.averageUtilization' ? { ...cause, field: 'spec.targetCPUUtilizationPercentage' } : cause
