import type {
  AutoscalingV1HorizontalPodAutoscaler,
  AutoscalingV2HorizontalPodAutoscaler,
  AutoscalingV2MetricSpec,
} from '../generated/kinds.ts'
import { metricFromV1, metricToV1, statusFromV1, statusToV1 } from './autoscaler-metrics-v1.ts'

/** What v1 has no fields for travels in annotations, so that a client of v1 loses nothing by writing back what it read. */
const annotations = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
  currentMetrics: 'autoscaling.alpha.kubernetes.io/current-metrics',
} as const

type V1 = AutoscalingV1HorizontalPodAutoscaler
type V2 = AutoscalingV2HorizontalPodAutoscaler

/** An annotation's JSON; `undefined` where it is absent or malformed (anyone may write annotations). */
function parsed(object: V1, name: string): unknown {
  const text = object.metadata.annotations?.[name]
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** A behavior is there with the names of Go's fields. */
const capitalized = (key: string) => key.slice(0, 1).toUpperCase() + key.slice(1)
const uncapitalized = (key: string) => key.slice(0, 1).toLowerCase() + key.slice(1)

function withKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => withKeys(item, rename))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, member]) => member !== null)
  return Object.fromEntries(members.map(([key, member]) => [rename(key), withKeys(member, rename)]))
}

const isCpuUtilization = ({ type, resource }: AutoscalingV2MetricSpec) =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined

/** The v2 form of a v1 autoscaler. */
export function toV2(object: V1): V2 {
  const { scaleTargetRef, minReplicas, maxReplicas, targetCPUUtilizationPercentage: target } = object.spec
  const others = parsed(object, annotations.metrics)
  const behavior = withKeys(parsed(object, annotations.behavior), uncapitalized) as V2['spec']['behavior']
  const cpu: AutoscalingV2MetricSpec[] =
    target === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } } }]
  const metrics = [...cpu, ...(Array.isArray(others) ? others.map(metricFromV1) : [])]
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: withoutOurs(object.metadata),
    spec: {
      scaleTargetRef,
      ...(minReplicas === undefined ? {} : { minReplicas }),
      maxReplicas,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...(typeof behavior === 'object' && behavior !== null ? { behavior } : {}),
    },
    ...(object.status === undefined ? {} : { status: statusToV2(object) }),
  }
}

function withoutOurs(metadata: V1['metadata']): V1['metadata'] {
  const ours: readonly string[] = Object.values(annotations)
  if (metadata.annotations === undefined || !ours.some((name) => metadata.annotations![name] !== undefined)) return metadata
  const { annotations: given, ...rest } = metadata
  const kept = Object.fromEntries(Object.entries(given).filter(([name]) => !ours.includes(name)))
  return Object.keys(kept).length === 0 ? rest : { ...rest, annotations: kept }
}

function statusToV2(object: V1): NonNullable<V2['status']> {
  const { currentCPUUtilizationPercentage: current, ...status } = object.status!
  const others = parsed(object, annotations.currentMetrics)
  const conditions = parsed(object, annotations.conditions)
  const cpu = current === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }]
  const currentMetrics = Array.isArray(others) ? others.map(statusFromV1) : cpu
  return {
    ...status,
    ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
    ...(Array.isArray(conditions) ? { conditions: conditions as NonNullable<NonNullable<V2['status']>['conditions']> } : {}),
  }
}

/** The v1 form of a stored autoscaler. */
export function fromV2(object: V2): V1 {
  const { scaleTargetRef, minReplicas, maxReplicas, metrics = [], behavior } = object.spec
  const cpu = metrics.find(isCpuUtilization)
  const others = metrics.filter((metric) => metric !== cpu)
  const { conditions, currentMetrics = [], ...status } = object.status ?? { desiredReplicas: 0 }
  const current = currentMetrics.find(({ type, resource }) => type === 'Resource' && resource?.name === 'cpu')?.resource?.current
    .averageUtilization
  const extra = {
    ...(others.length === 0 ? {} : { [annotations.metrics]: JSON.stringify(others.map(metricToV1)) }),
    ...(behavior === undefined ? {} : { [annotations.behavior]: JSON.stringify(withKeys(behavior, capitalized)) }),
    ...(conditions === undefined ? {} : { [annotations.conditions]: JSON.stringify(conditions) }),
    ...(currentMetrics.length === 0 ? {} : { [annotations.currentMetrics]: JSON.stringify(currentMetrics.map(statusToV1)) }),
  }
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata:
      Object.keys(extra).length === 0 ? object.metadata : { ...object.metadata, annotations: { ...object.metadata.annotations, ...extra } },
    spec: {
      scaleTargetRef,
      ...(minReplicas === undefined ? {} : { minReplicas }),
      maxReplicas,
      ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu.resource!.target.averageUtilization! }),
    },
    status: { currentReplicas: 0, ...status, ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }) },
  }
}
