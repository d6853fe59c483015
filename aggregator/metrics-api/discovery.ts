import { metricsApiVersion, nodeMetricsDeclaration, podMetricsDeclaration } from './kinds.ts'

const group = {
  kind: 'APIGroup',
  apiVersion: 'v1',
  name: 'metrics.k8s.io',
  versions: [{ groupVersion: metricsApiVersion, version: 'v1beta1' }],
  preferredVersion: { groupVersion: metricsApiVersion, version: 'v1beta1' },
}

const resources = [nodeMetricsDeclaration, podMetricsDeclaration].map(({ kind, singular, verbs }) => ({
  name: kind.plural,
  singularName: singular,
  namespaced: kind.isNamespaced,
  kind: kind.kind,
  verbs,
}))

const definitionPrefix = 'io.k8s.metrics.pkg.apis.metrics.v1beta1'

const usage = { type: 'object', additionalProperties: { type: 'string', description: 'A quantity, such as 123456789n or 1234Ki.' } }
const measured = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object', description: 'Standard object metadata.' },
  timestamp: { type: 'string', format: 'date-time', description: 'The end of the window.' },
  window: { type: 'string', description: 'The time over which CPU use is the average.' },
}

function kindSchema(kind: string, description: string, properties: object): object {
  return {
    type: 'object',
    description,
    properties,
    'x-kubernetes-group-version-kind': [{ group: 'metrics.k8s.io', version: 'v1beta1', kind }],
  }
}

function listSchema(kind: string, referencePrefix: string): object {
  return kindSchema(`${kind}List`, `A list of ${kind}.`, {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    items: { type: 'array', items: { $ref: `${referencePrefix}${definitionPrefix}.${kind}` } },
  })
}

function definitions(referencePrefix: string): object {
  const container = { type: 'object', properties: { name: { type: 'string' }, usage } }
  return {
    [`${definitionPrefix}.NodeMetrics`]: kindSchema('NodeMetrics', 'What a node uses.', { ...measured, usage }),
    [`${definitionPrefix}.NodeMetricsList`]: listSchema('NodeMetrics', referencePrefix),
    [`${definitionPrefix}.PodMetrics`]: kindSchema('PodMetrics', 'What the containers of a pod use.', {
      ...measured,
      containers: { type: 'array', items: container },
    }),
    [`${definitionPrefix}.PodMetricsList`]: listSchema('PodMetrics', referencePrefix),
  }
}

const info = { title: 'Binnacle metrics', version: 'v1beta1' }
const v3Path = `/openapi/v3/apis/${metricsApiVersion}`

/** The documents that tell clients what is served, by path. They hold no secrets and change never. */
export const discoveryDocuments: Readonly<Record<string, object>> = {
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] },
  '/apis/metrics.k8s.io': group,
  [`/apis/${metricsApiVersion}`]: { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: metricsApiVersion, resources },
  '/openapi/v2': { swagger: '2.0', info, paths: {}, definitions: definitions('#/definitions/') },
  '/openapi/v3': { paths: { [`apis/${metricsApiVersion}`]: { serverRelativeURL: v3Path } } },
  [v3Path]: { openapi: '3.0.0', info, paths: {}, components: { schemas: definitions('#/components/schemas/') } },
}
