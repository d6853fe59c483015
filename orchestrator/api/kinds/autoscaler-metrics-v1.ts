import type {
  AutoscalingV2MetricSpec,
  AutoscalingV2MetricStatus,
  AutoscalingV2MetricTarget,
  MetaV1LabelSelector,
} from '../generated/kinds.ts'

/*
 * The metrics of an autoscaler in the shape that autoscaling/v1 has for them inside its annotations: names and values are flat members, and
 * the type of a target follows from which value there is.
 */

type Flat = Readonly<Record<string, unknown>>

/** A metric as the annotation `metrics` has it. */
export function metricToV1(spec: AutoscalingV2MetricSpec): object {
  const { type, object, pods, resource, containerResource, external } = spec
  return {
    type,
    ...(object && {
      object: dense({
        target: object.describedObject,
        metricName: object.metric.name,
        // A required member there: zero where the target is an average.
        targetValue: object.target.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      }),
    }),
    ...(pods && {
      pods: dense({ metricName: pods.metric.name, targetAverageValue: pods.target.averageValue, selector: pods.metric.selector }),
    }),
    ...(resource && { resource: resourceToV1(resource) }),
    ...(containerResource && { containerResource: { ...resourceToV1(containerResource), container: containerResource.container } }),
    ...(external && {
      external: dense({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
    }),
  }
}

const resourceToV1 = ({ name, target }: { readonly name: string; readonly target: AutoscalingV2MetricTarget }) =>
  dense({ name, targetAverageUtilization: target.averageUtilization, targetAverageValue: target.averageValue })

/** The inverse of `metricToV1`; takes v2's own shape too. What is of a wrong type is left out, for validation to miss it. */
export function metricFromV1(given: unknown): AutoscalingV2MetricSpec {
  const converted = Object.entries(asFlat(given)).map(([field, source]) => {
    const flat = asFlat(source)
    const isV2 = (field === 'object' ? flat['describedObject'] : flat['target']) !== undefined
    return [field, field === 'type' ? asText(source) : isV2 ? source : sourceFromV1(field, flat)]
  })
  return Object.fromEntries(converted) as AutoscalingV2MetricSpec
}

function sourceFromV1(field: string, flat: Flat): object {
  const metric = metricOf(flat)
  const averageUtilization = asNumber(flat['targetAverageUtilization'])
  const averageValue = asText(flat['averageValue'] ?? flat['targetAverageValue'])
  const value = averageValue === undefined ? asText(flat['targetValue']) : undefined
  const type = averageUtilization !== undefined ? 'Utilization' : averageValue !== undefined ? 'AverageValue' : 'Value'
  const target = dense({ type, averageUtilization, averageValue, value })
  if (field === 'object') return { describedObject: asFlat(flat['target']), metric, target }
  if (field === 'pods' || field === 'external') return { metric, target }
  return dense({ name: asText(flat['name']), container: asText(flat['container']), target })
}

const metricOf = (flat: Flat) =>
  dense({ name: asText(flat['metricName']), selector: asSelector(flat['selector'] ?? flat['metricSelector']) })

/** A metric's status as the annotation `current-metrics` has it. */
export function statusToV1(status: AutoscalingV2MetricStatus): object {
  const { type, object, pods, resource, containerResource, external } = status
  return {
    type,
    ...(object && {
      object: dense({
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    }),
    ...(pods && {
      pods: dense({ metricName: pods.metric.name, currentAverageValue: pods.current.averageValue, selector: pods.metric.selector }),
    }),
    ...(resource && { resource: { name: resource.name, ...currentToV1(resource.current) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...currentToV1(containerResource.current),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: dense({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? '0',
        currentAverageValue: external.current.averageValue,
      }),
    }),
  }
}

const currentToV1 = (current: { readonly averageUtilization?: number; readonly averageValue?: string }) =>
  dense({ currentAverageUtilization: current.averageUtilization, currentAverageValue: current.averageValue })

/** The inverse of `statusToV1`; takes v2's own shape too. */
export function statusFromV1(given: unknown): AutoscalingV2MetricStatus {
  const converted = Object.entries(asFlat(given)).map(([field, source]) => {
    const flat = asFlat(source)
    return [field, field === 'type' ? asText(source) : flat['current'] !== undefined ? source : statusSourceFromV1(field, flat)]
  })
  return Object.fromEntries(converted) as AutoscalingV2MetricStatus
}

function statusSourceFromV1(field: string, flat: Flat): object {
  const averageValue = asText(flat['averageValue'] ?? flat['currentAverageValue'])
  const current = dense({
    averageUtilization: asNumber(flat['currentAverageUtilization']),
    averageValue,
    value: averageValue === undefined ? asText(flat['currentValue']) : undefined,
  })
  if (field === 'object') return { describedObject: asFlat(flat['target']), metric: metricOf(flat), current }
  if (field === 'pods' || field === 'external') return { metric: metricOf(flat), current }
  return dense({ name: asText(flat['name']), container: asText(flat['container']), current })
}

/** The members that have a value. */
function dense(members: Flat): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

const asText = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined)
const asNumber = (value: unknown) => (typeof value === 'number' ? value : undefined)
const asSelector = (value: unknown) => (typeof value === 'object' && value !== null ? (value as MetaV1LabelSelector) : undefined)
const asFlat = (value: unknown): Flat => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Flat) : {})
