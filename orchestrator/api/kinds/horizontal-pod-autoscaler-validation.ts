import { forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import {
  between,
  causesOf,
  checkFields,
  choice,
  named,
  notNegative,
  oneOf,
  partial,
  present,
  type FieldRules,
  type Rule,
} from '../field-rules.ts'
import type {
  AutoscalingV2CrossVersionObjectReference,
  AutoscalingV2HorizontalPodAutoscalerSpec,
  AutoscalingV2HPAScalingPolicy,
  AutoscalingV2HPAScalingRules,
  AutoscalingV2MetricIdentifier,
  AutoscalingV2MetricSpec,
  AutoscalingV2MetricTarget,
} from '../generated/kinds.ts'
import { checkLabel, checkPathSegment } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { checkContainerResourceName } from './resource-validation.ts'

const maxWindowSeconds = 3600
const maxPeriodSeconds = 1800
/** Where a metric of a type is described. */
const sources = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const

const referenceRules: FieldRules<AutoscalingV2CrossVersionObjectReference> = {
  kind: named(checkPathSegment),
  name: named(checkPathSegment),
  apiVersion: (version = '', field) =>
    version.split('/').length > 2 ? [invalidValue(field, version, `unexpected GroupVersion string: ${version}`)] : [],
}

/** A text of a form that must be there; `missing` says so. */
function namedBy(check: (text: string) => readonly string[], missing: string): Rule<string> {
  return (name, field) => (name ? causesOf(check, name, field) : [required(field, missing)])
}

/** Everything wrong with an autoscaler's spec. */
export function validateAutoscaler(spec: AutoscalingV2HorizontalPodAutoscalerSpec): StatusCause[] {
  const { minReplicas = 1, maxReplicas = 0, scaleTargetRef = {}, metrics = [], behavior = {} } = partial(spec)
  const causes: StatusCause[] = []
  const scalesToZero = metrics.some(({ type }) => type === 'Object' || type === 'External')
  const lowest = scalesToZero ? 0 : 1
  if (minReplicas < lowest) causes.push(invalidValue('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`))
  if (maxReplicas < 1) causes.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'))
  if (maxReplicas < minReplicas)
    causes.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  causes.push(...checkFields<Partial<AutoscalingV2CrossVersionObjectReference>>(scaleTargetRef, 'spec.scaleTargetRef', referenceRules))
  metrics.forEach((metric, index) => causes.push(...validateMetric(metric, `spec.metrics[${index}]`)))
  for (const direction of ['scaleUp', 'scaleDown'] as const)
    if (behavior[direction] !== undefined) causes.push(...checkFields(behavior[direction], `spec.behavior.${direction}`, scalingRules))
  return causes
}

function validateMetric(metric: AutoscalingV2MetricSpec, path: string): StatusCause[] {
  const causes = [...choice(Object.keys(sources))(metric.type, `${path}.type`)].map((cause) =>
    cause.reason === 'FieldValueRequired' ? required(cause.field!, 'must specify a metric source type') : cause,
  )
  if (!Object.hasOwn(sources, metric.type ?? '')) return causes
  const field = sources[metric.type as keyof typeof sources]
  for (const source of Object.values(sources))
    if (source !== field && metric[source] !== undefined)
      causes.push(forbiddenField(`${path}.${source}`, 'must populate the given metric source only'))
  const source = metric[field]
  if (source === undefined) return [...causes, required(`${path}.${field}`, 'must populate information for the given metric source')]
  const { target = {} } = partial(source)
  return [
    ...causes,
    ...checkFields<object>(source, `${path}.${field}`, sourceRules[field]),
    ...checkFields<Partial<AutoscalingV2MetricTarget>>(target, `${path}.${field}.target`, targetRules),
    ...validateChoice(target, `${path}.${field}.target`, field),
  ]
}

const metricRules: FieldRules<Partial<AutoscalingV2MetricIdentifier>> = {
  name: namedBy(checkPathSegment, 'must specify a metric name'),
}
const metric: Rule<AutoscalingV2MetricIdentifier> = (identifier, field) => checkFields(partial(identifier ?? {}), field, metricRules)
const sourceRules: Readonly<Record<(typeof sources)[keyof typeof sources], FieldRules<Record<string, never>>>> = {
  containerResource: {
    name: namedBy(checkContainerResourceName, 'must specify a resource name'),
    container: namedBy(checkLabel, 'must specify a container'),
  },
  resource: { name: present('must specify a resource name') },
  pods: { metric },
  external: { metric },
  object: {
    describedObject: (reference, field) =>
      checkFields<Partial<AutoscalingV2CrossVersionObjectReference>>(reference ?? {}, field, referenceRules),
    metric,
  },
}

const positive: Rule<string> = (amount, field) =>
  amount === undefined || (tryParseQuantity(amount)?.nanos ?? 0n) > 0n ? [] : [invalidValue(field, amount, 'must be positive')]
const targetRules: FieldRules<Partial<AutoscalingV2MetricTarget>> = {
  type: (type = '', field) => [
    ...(type === '' ? [required(field, 'must specify a metric target type')] : []),
    ...(['AverageValue', 'Utilization', 'Value'].includes(type)
      ? []
      : [invalidValue(field, type, 'must be either Utilization, Value, or AverageValue')]),
  ],
  value: positive,
  averageValue: positive,
  averageUtilization: between(1, Number.MAX_SAFE_INTEGER, 'must be greater than 0'),
}

/** Which of its values a target of a metric must have. */
function validateChoice(target: Partial<AutoscalingV2MetricTarget>, path: string, source: string): StatusCause[] {
  const [value, average, utilization] = [target.value, target.averageValue, target.averageUtilization].map((each) => each !== undefined)
  if (source === 'resource' || source === 'containerResource') {
    if (!utilization && !average)
      return [required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization')]
    return utilization && average
      ? [forbiddenField(`${path}.averageValue`, 'may not set both a target raw value and a target utilization')]
      : []
  }
  if (source === 'pods') return average ? [] : [required(`${path}.averageValue`, 'must specify a positive target averageValue')]
  const which = source === 'object' ? 'a target value or averageValue' : 'a target value for metric or a per-pod target'
  if (!value && !average) return [required(`${path}.averageValue`, `must set either ${which}`)]
  return source === 'external' && value && average
    ? [forbiddenField(`${path}.value`, 'may not set both a target value for metric and a per-pod target')]
    : []
}

const scalingRules: FieldRules<AutoscalingV2HPAScalingRules> = {
  stabilizationWindowSeconds: (window = 0, field) => [
    ...(window < 0 ? [invalidValue(field, window, 'must be greater than or equal to zero')] : []),
    ...(window > maxWindowSeconds ? [invalidValue(field, window, `must be less than or equal to ${maxWindowSeconds}`)] : []),
  ],
  selectPolicy: oneOf('Disabled', 'Max', 'Min'),
  policies: (policies = [], field) =>
    policies.length === 0
      ? [required(field, 'must specify at least one Policy')]
      : policies.flatMap((policy, index) => validatePolicy(policy, `${field}[${index}]`)),
  tolerance: (tolerance, field) =>
    tolerance !== undefined && (tryParseQuantity(tolerance)?.nanos ?? 0n) < 0n ? [invalidValue(field, tolerance, notNegative)] : [],
}

function validatePolicy({ type = '', value = 0, periodSeconds = 0 }: Partial<AutoscalingV2HPAScalingPolicy>, path: string): StatusCause[] {
  return [
    ...(['Percent', 'Pods'].includes(type) ? [] : [notSupported(`${path}.type`, type, ['Percent', 'Pods'])]),
    ...(value > 0 ? [] : [invalidValue(`${path}.value`, value, 'must be greater than zero')]),
    ...(periodSeconds > 0 ? [] : [invalidValue(`${path}.periodSeconds`, periodSeconds, 'must be greater than zero')]),
    ...(periodSeconds > maxPeriodSeconds
      ? [invalidValue(`${path}.periodSeconds`, periodSeconds, `must be less than or equal to ${maxPeriodSeconds}`)]
      : []),
  ]
}
