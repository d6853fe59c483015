import { parseLabelSelector } from '../../orchestrator/api/labels.ts'
import { metricNotFound } from '../../orchestrator/api/status-error.ts'
import { toTimestamp } from '../../lib/clock.ts'
import type { ApiGroup, Schemas } from './api-group.ts'
import type { ExternalValues } from './external-values.ts'
import { toQuantityText } from './metric-value.ts'

const group = 'external.metrics.k8s.io'
const version = 'v1beta1'
const prefix = 'io.k8s.metrics.pkg.apis.external_metrics.v1beta1'

/** `external.metrics.k8s.io/v1beta1`: the configured metrics that are about no object, at `namespaces/NS/METRIC`. */
export function createExternalApi(values: ExternalValues): ApiGroup {
  return {
    name: group,
    versions: [version],
    resources: () =>
      values.names().map((name) => ({ name, singularName: '', namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] })),
    schemas: () => ({ schemas, paths: [] }),
    find(_, segments) {
      const [first, namespace = '', name = '', ...rest] = segments
      if (first !== 'namespaces' || namespace === '' || name === '' || rest.length > 0) return undefined
      return {
        verb: 'list',
        access: { resource: name, namespace },
        async answer(query) {
          const selector = parseLabelSelector(query.get('labelSelector') ?? '')
          const found = await values.read(name, namespace, selector)
          if (found === undefined) throw metricNotFound(name, 'external metrics', undefined)
          const items = found.flatMap(({ labels, value, timestamp }) => {
            const quantity = toQuantityText(value)
            if (quantity === undefined) return []
            return [{ metricName: name, metricLabels: labels, timestamp: toTimestamp(timestamp), value: quantity }]
          })
          return { type: 'value', value: { kind: 'ExternalMetricValueList', apiVersion: `${group}/${version}`, metadata: {}, items } }
        },
      }
    },
  }
}

const text = { type: 'string' }

const schemas: Schemas = (referencePrefix) => ({
  [`${prefix}.ExternalMetricValue`]: {
    type: 'object',
    description: 'A value of a metric that is about no object.',
    properties: {
      metricName: text,
      metricLabels: { type: 'object', additionalProperties: text },
      timestamp: { type: 'string', format: 'date-time' },
      window: { type: 'integer', format: 'int64', description: 'The time over which a rate was taken.' },
      value: { type: 'string', description: 'A quantity.' },
    },
  },
  [`${prefix}.ExternalMetricValueList`]: {
    type: 'object',
    description: 'Values of an external metric.',
    properties: {
      apiVersion: text,
      kind: text,
      metadata: { type: 'object' },
      items: { type: 'array', items: { $ref: `${referencePrefix}${prefix}.ExternalMetricValue` } },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: 'ExternalMetricValueList' }],
  },
})
