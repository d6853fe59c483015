import type {
  AutoscalingV2MetricSpec,
  AutoscalingV2MetricStatus,
  AutoscalingV2MetricTarget,
  AutoscalingV2MetricValueStatus,
  AutoscalingV2ResourceMetricSource,
  AutoscalingV2ResourceMetricStatus,
} from '../generated/kinds.ts'

/** More metrics than this are counted, not shown. */
const maxShown = 2

/** An autoscaler's metrics as kubectl shows them: `cpu: 12%/20%`, `<unknown>/100m`. The status's metrics are in the order of the spec's. */
export function metricsText(specs: readonly AutoscalingV2MetricSpec[], statuses: readonly AutoscalingV2MetricStatus[]): string {
  if (specs.length === 0) return '<none>'
  const texts = specs.map((spec, index) => metricText(spec, statuses[index]))
  const shown = texts.slice(0, maxShown).join(', ')
  return texts.length > maxShown ? `${shown} + ${texts.length - maxShown} more...` : shown
}

function metricText(spec: AutoscalingV2MetricSpec, status: AutoscalingV2MetricStatus | undefined): string {
  switch (spec.type) {
    case 'Resource':
      return resourceText(spec.resource, status?.resource)
    case 'ContainerResource':
      return resourceText(spec.containerResource, status?.containerResource)
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? '<unknown>'}/${spec.pods?.target.averageValue}`
    case 'Object':
      return valueText(spec.object?.target, status?.object?.current)
    case 'External':
      return valueText(spec.external?.target, status?.external?.current)
    default:
      return '<unknown type>'
  }
}

function resourceText(
  source: AutoscalingV2ResourceMetricSource | undefined,
  status: AutoscalingV2ResourceMetricStatus | undefined,
): string {
  const target = source?.target
  const current = status?.current
  if (target?.averageValue !== undefined) return `${source?.name}: ${current?.averageValue ?? '<unknown>'}/${target.averageValue}`
  const utilization = current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`
  return `${source?.name}: ${utilization}/${target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`}`
}

function valueText(target: AutoscalingV2MetricTarget | undefined, current: AutoscalingV2MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`
  return `${current?.value ?? '<unknown>'}/${target?.value}`
}
