import { forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { notNegative } from '../field-rules.ts'
import {
  AutoscalingV1HorizontalPodAutoscaler,
  AutoscalingV2HorizontalPodAutoscaler,
  type AutoscalingV2HorizontalPodAutoscalerSpec,
  type AutoscalingV2HPAScalingRules,
  type AutoscalingV2MetricSpec,
  type AutoscalingV2MetricTarget,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkPathSegment } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { fromV2, toV2 } from './horizontal-pod-autoscaler-v1.ts'
import { metricsText } from './metrics-text.ts'

/** CPU use that an autoscaler without metrics aims at, percent of the request. */
const defaultUtilization = 80
const maxWindowSeconds = 3600
const maxPeriodSeconds = 1800
const selectPolicies = ['Disabled', 'Max', 'Min']
const policyTypes = ['Percent', 'Pods']
const sources = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const

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
  validate: ({ spec }) => validateSpec(spec),
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
  validate: (object) => validateSpec(toV2(object).spec).map(asV1Cause),
  prepareForCreate(object) {
    object.status = { currentReplicas: 0, desiredReplicas: 0 }
  },
  columns,
  cells: (object, now) => cellsOf(toV2(object), now),
}

const asV1Cause = (cause: StatusCause): StatusCause =>
  cause.field === 'spec.metrics[0].resource.target.averageUtilization' ? { ...cause, field: 'spec.targetCPUUtilizationPercentage' } : cause

function validateSpec({
  minReplicas = 1,
  maxReplicas,
  scaleTargetRef,
  metrics = [],
  behavior,
}: AutoscalingV2HorizontalPodAutoscalerSpec): StatusCause[] {
  const causes: StatusCause[] = []
  const scalesToZero = metrics.some(({ type }) => type === 'Object' || type === 'External')
  const lowest = scalesToZero ? 0 : 1
  if (minReplicas < lowest) causes.push(invalidValue('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`))
  if (!(maxReplicas >= 1)) causes.push(invalidValue('spec.maxReplicas', maxReplicas ?? 0, 'must be greater than 0'))
  else if (maxReplicas < minReplicas)
    causes.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  for (const field of ['kind', 'name'] as const) {
    const value = scaleTargetRef?.[field] ?? ''
    if (value === '') causes.push(required(`spec.scaleTargetRef.${field}`))
    else for (const message of checkPathSegment(value)) causes.push(invalidValue(`spec.scaleTargetRef.${field}`, value, message))
  }
  metrics.forEach((metric, index) => causes.push(...validateMetric(metric, `spec.metrics[${index}]`)))
  for (const direction of ['scaleUp', 'scaleDown'] as const)
    if (behavior?.[direction] !== undefined) causes.push(...validateRules(behavior[direction], `spec.behavior.${direction}`))
  return causes
}

function validateMetric(metric: AutoscalingV2MetricSpec, path: string): StatusCause[] {
  if (!metric.type) return [required(`${path}.type`, 'must specify a metric source type')]
  if (!Object.hasOwn(sources, metric.type)) return [notSupported(`${path}.type`, metric.type, Object.keys(sources))]
  const field = sources[metric.type as keyof typeof sources]
  const causes: StatusCause[] = Object.values(sources)
    .filter((source) => source !== field && metric[source] !== undefined)
    .map((source) => forbiddenField(`${path}.${source}`, 'must populate the given metric source only'))
  const source = metric[field]
  if (source === undefined) return [...causes, required(`${path}.${field}`, 'must populate information for the given metric source')]
  const name = 'metric' in source ? source.metric?.name : 'name' in source ? source.name : undefined
  if (!name) causes.push(required(`${path}.${field}${'metric' in source ? '.metric' : ''}.name`, 'must specify a metric name'))
  if (field === 'containerResource' && !metric.containerResource!.container)
    causes.push(required(`${path}.${field}.container`, 'must specify a container'))
  return [...causes, ...validateTarget(source.target, `${path}.${field}.target`, metric.type)]
}

function validateTarget(target: AutoscalingV2MetricTarget | undefined, path: string, metricType: string): StatusCause[] {
  if (!target?.type) return [required(`${path}.type`, 'must specify a metric target type')]
  const causes: StatusCause[] = []
  if (!['AverageValue', 'Utilization', 'Value'].includes(target.type))
    causes.push(invalidValue(`${path}.type`, target.type, 'must be either Utilization, Value, or AverageValue'))
  const { value, averageValue, averageUtilization } = target
  for (const [field, amount] of Object.entries({ value, averageValue }))
    if (amount !== undefined && (tryParseQuantity(amount)?.nanos ?? 0n) <= 0n)
      causes.push(invalidValue(`${path}.${field}`, amount, 'must be positive'))
  if (averageUtilization !== undefined && averageUtilization < 1)
    causes.push(invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'))
  return [...causes, ...validateTargetChoice(target, path, metricType)]
}

/** Which of its values a target of a metric type must have. */
function validateTargetChoice(
  { value, averageValue, averageUtilization }: AutoscalingV2MetricTarget,
  path: string,
  metricType: string,
): StatusCause[] {
  const causes: StatusCause[] = []
  if (metricType === 'Resource' || metricType === 'ContainerResource') {
    if (averageUtilization === undefined && averageValue === undefined)
      causes.push(required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization'))
    if (averageUtilization !== undefined && averageValue !== undefined)
      causes.push(forbiddenField(`${path}.averageValue`, 'may not set both a target raw value and a target utilization'))
  } else if (metricType === 'Pods') {
    if (averageValue === undefined) causes.push(required(`${path}.averageValue`, 'must specify a positive target averageValue'))
  } else if (value === undefined && averageValue === undefined)
    causes.push(required(`${path}.averageValue`, 'must set either a target value for metric or a per-pod target'))
  return causes
}

function validateRules(rules: AutoscalingV2HPAScalingRules, path: string): StatusCause[] {
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules
  const causes: StatusCause[] = []
  if (window !== undefined && window < 0)
    causes.push(invalidValue(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'))
  if (window !== undefined && window > maxWindowSeconds)
    causes.push(invalidValue(`${path}.stabilizationWindowSeconds`, window, `must be less than or equal to ${maxWindowSeconds}`))
  if (selectPolicy !== undefined && !selectPolicies.includes(selectPolicy))
    causes.push(notSupported(`${path}.selectPolicy`, selectPolicy, selectPolicies))
  if (policies.length === 0) causes.push(required(`${path}.policies`, 'must specify at least one Policy'))
  if (tolerance !== undefined && (tryParseQuantity(tolerance)?.nanos ?? 0n) < 0n)
    causes.push(invalidValue(`${path}.tolerance`, tolerance, notNegative))
  policies.forEach(({ type, value, periodSeconds }, index) => {
    const field = `${path}.policies[${index}]`
    if (!policyTypes.includes(type)) causes.push(notSupported(`${field}.type`, type ?? '', policyTypes))
    if (!(value > 0)) causes.push(invalidValue(`${field}.value`, value ?? 0, 'must be greater than zero'))
    if (!(periodSeconds > 0)) causes.push(invalidValue(`${field}.periodSeconds`, periodSeconds ?? 0, 'must be greater than zero'))
    else if (periodSeconds > maxPeriodSeconds)
      causes.push(invalidValue(`${field}.periodSeconds`, periodSeconds, `must be less than or equal to ${maxPeriodSeconds}`))
  })
  return causes
}
