import { parseLabelSelector } from '../../orchestrator/api/labels.ts'
import { badRequest, metricNotFound } from '../../orchestrator/api/status-error.ts'
import { toTimestamp } from '../../lib/clock.ts'
import type { ApiGroup, ApiResource, Operation, Schemas } from './api-group.ts'
import { describedKinds } from './described-objects.ts'
import type { DescribedKind } from './described-objects.ts'
import { toQuantityText } from './metric-value.ts'
import type { ObjectMetrics, ObjectValue } from './object-metrics.ts'

const group = 'custom.metrics.k8s.io'
const versions = ['v1beta2', 'v1beta1'] as const
type Version = (typeof versions)[number]

/** What a path names: a metric of one object or, by `*`, of all objects that the request selects. */
interface Target {
  readonly kind: DescribedKind
  readonly namespace?: string
  readonly name: string
  readonly metric: string
}

/** `custom.metrics.k8s.io`: figures of objects by name. Both versions say the same in their own words. */
export function createCustomApi(metrics: ObjectMetrics): ApiGroup {
  return {
    name: group,
    versions,
    resources: () => [...metrics.offered()].map(toResource),
    schemas: (version) => ({ schemas: schemasOf(version as Version), paths: [] }),
    find(version, segments) {
      const target = targetOf(segments)
      return target === undefined ? undefined : operationOn(target, metrics, version as Version)
    },
  }
}

const toResource = ({ kind, metric }: { readonly kind: DescribedKind; readonly metric: string }): ApiResource => ({
  name: `${kind.resource}/${metric}`,
  singularName: '',
  namespaced: kind.kind.isNamespaced,
  kind: 'MetricValueList',
  verbs: ['get'],
})

const kindsByResource: ReadonlyMap<string, DescribedKind> = new Map(describedKinds.map((kind) => [kind.resource, kind]))

/**
 * `namespaces/NS/metrics/METRIC` (of the namespace itself), `namespaces/NS/RESOURCE/NAME/METRIC` and, outside of namespaces,
 * `RESOURCE/NAME/METRIC`. Names of metrics may have slashes.
 */
function targetOf(segments: readonly string[]): Target | undefined {
  const [first = '', second = '', third = '', fourth = '', ...rest] = segments
  if (segments.some((segment) => segment === '')) return undefined
  if (first === 'namespaces' && segments.length >= 4) {
    if (third === 'metrics') return { kind: kindsByResource.get('namespaces')!, name: second, metric: [fourth, ...rest].join('/') }
    const kind = kindsByResource.get(third)
    if (kind?.kind.isNamespaced === true && rest.length > 0) return { kind, namespace: second, name: fourth, metric: rest.join('/') }
  }
  const kind = kindsByResource.get(first)
  if (kind === undefined || kind.kind.isNamespaced || segments.length < 3) return undefined
  // More behind a namespace is a resource in it, which would be one of those above.
  if (first === 'namespaces' && segments.length > 3) return undefined
  return { kind, name: second, metric: segments.slice(2).join('/') }
}

function operationOn(target: Target, metrics: ObjectMetrics, version: Version): Operation {
  const { kind, namespace, name, metric } = target
  return {
    verb: 'get',
    access: { resource: kind.kind.plural, subresource: metric, name, ...(namespace === undefined ? {} : { namespace }) },
    async answer(query) {
      const labels = parseLabelSelector(query.get('labelSelector') ?? '')
      const selector = query.get('metricLabelSelector') ?? ''
      const series = parseLabelSelector(selector)
      const isAll = name === '*'
      if (!isAll && labels.length > 0) throw badRequest('labelSelector: may be given with "*" as the name only')
      const scope = { kind, labels, metric, series, ...(namespace === undefined ? {} : { namespace }) }
      const values = await metrics.read(isAll ? scope : { ...scope, name })
      if (values === undefined || (!isAll && values.length === 0)) throw metricNotFound(metric, kind.resource, isAll ? undefined : name)
      const items = values.flatMap((value) => toItem(value, target, { version, selector }))
      return {
        type: 'value',
        value: { kind: 'MetricValueList', apiVersion: `${group}/${version}`, metadata: {}, items },
      }
    },
  }
}

function toItem(
  { name, value, timestamp, windowMs }: ObjectValue,
  { kind: { kind }, namespace, metric }: Target,
  { version, selector }: { readonly version: Version; readonly selector: string },
): object[] {
  const quantity = toQuantityText(value)
  if (quantity === undefined) return []
  const describedObject = {
    kind: kind.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
  }
  const seconds = windowMs === undefined ? undefined : Math.max(1, Math.round(windowMs / 1000))
  const narrowed = selector === '' ? null : { matchExpressions: parseLabelSelector(selector) }
  const time = toTimestamp(timestamp)
  return version === 'v1beta2'
    ? [
        {
          describedObject,
          metric: { name: metric, selector: narrowed },
          timestamp: time,
          ...(seconds === undefined ? {} : { windowSeconds: seconds }),
          value: quantity,
        },
      ]
    : [
        {
          describedObject,
          metricName: metric,
          timestamp: time,
          ...(seconds === undefined ? {} : { window: seconds }),
          value: quantity,
          selector: narrowed,
        },
      ]
}

const prefixOf = (version: Version) => `io.k8s.metrics.pkg.apis.custom_metrics.${version}`

const schemasOf =
  (version: Version): Schemas =>
  (referencePrefix) => {
    const prefix = prefixOf(version)
    const text = { type: 'string' }
    const identifier =
      version === 'v1beta2'
        ? { metric: { type: 'object', properties: { name: text, selector: { type: 'object' } } } }
        : { metricName: text }
    const seconds = { type: 'integer', format: 'int64', description: 'The time over which a rate was taken.' }
    return {
      [`${prefix}.MetricValue`]: {
        type: 'object',
        description: 'The value of a metric of an object.',
        properties: {
          describedObject: { type: 'object', description: 'The object that the metric is about.' },
          ...identifier,
          timestamp: { type: 'string', format: 'date-time' },
          [version === 'v1beta2' ? 'windowSeconds' : 'window']: seconds,
          value: { type: 'string', description: 'A quantity.' },
          ...(version === 'v1beta2' ? {} : { selector: { type: 'object' } }),
        },
      },
      [`${prefix}.MetricValueList`]: {
        type: 'object',
        description: 'Values of a metric.',
        properties: {
          apiVersion: text,
          kind: text,
          metadata: { type: 'object' },
          items: { type: 'array', items: { $ref: `${referencePrefix}${prefix}.MetricValue` } },
        },
        'x-kubernetes-group-version-kind': [{ group, version, kind: 'MetricValueList' }],
      },
    }
  }
