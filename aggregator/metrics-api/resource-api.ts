import { matchesFields, parseFieldSelector } from '../../orchestrator/api/fields.ts'
import type { KindDeclaration } from '../../orchestrator/api/kind-declaration.ts'
import { matchesLabels, parseLabelSelector } from '../../orchestrator/api/labels.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import { notFound } from '../../orchestrator/api/status-error.ts'
import type { ApiGroup, ApiPath, Operation, Schemas } from './api-group.ts'
import { nodeMetricsDeclaration, podMetricsDeclaration } from './kinds.ts'
import { readCount, readFlag } from './query.ts'
import type { Query } from './query.ts'
import type { ResourceMetrics } from './resource-metrics.ts'

const group = 'metrics.k8s.io'
const version = 'v1beta1'
const definitionPrefix = 'io.k8s.metrics.pkg.apis.metrics.v1beta1'
const defaultWatchMs = 30 * 60_000

/** What a path names. */
interface Target {
  readonly declaration: KindDeclaration
  readonly resource: 'nodes' | 'pods'
  readonly namespace?: string
  readonly name?: string
}

/** What several aggregators that share the nodes have together. Sorted like `ResourceMetrics`; rejects when it cannot be whole. */
export interface SharedMetrics {
  nodes(): Promise<readonly KubeObject[]>
  pods(namespace?: string): Promise<readonly KubeObject[]>
}

/**
 * `metrics.k8s.io/v1beta1`: what nodes and pods use, to get, list and watch. Lists are whole: `limit` is accepted and not needed. With
 * `shared` get and list answer for the nodes of every aggregator; a watch shows the changes of those that are scraped here.
 */
export function createResourceApi(metrics: ResourceMetrics, shared?: SharedMetrics): ApiGroup {
  return {
    name: group,
    versions: [version],
    resources: () =>
      [nodeMetricsDeclaration, podMetricsDeclaration].map(({ kind, singular, verbs }) => ({
        name: kind.plural,
        singularName: singular,
        namespaced: kind.isNamespaced,
        kind: kind.kind,
        verbs,
      })),
    schemas: () => ({ schemas, paths }),
    find(_, segments) {
      const target = targetOf(segments)
      return target === undefined ? undefined : operationOn(target, metrics, shared)
    },
  }
}

function targetOf(segments: readonly string[]): Target | undefined {
  const [first, second, third, name, ...rest] = segments
  if (first === 'nodes' && segments.length <= 2)
    return { declaration: nodeMetricsDeclaration, resource: 'nodes', ...(second === undefined ? {} : { name: second }) }
  const pods = { declaration: podMetricsDeclaration, resource: 'pods' } as const
  if (first === 'pods' && second === undefined) return pods
  if (first !== 'namespaces' || second === undefined || third !== 'pods' || rest.length > 0) return undefined
  return { ...pods, namespace: second, ...(name === undefined ? {} : { name }) }
}

function operationOn(target: Target, metrics: ResourceMetrics, shared: SharedMetrics | undefined): Operation {
  const { declaration, resource, namespace, name } = target
  const list = (): readonly KubeObject[] => (resource === 'nodes' ? metrics.nodes() : metrics.pods(namespace))
  const listAll = async () => (shared === undefined ? list() : resource === 'nodes' ? shared.nodes() : shared.pods(namespace))
  return {
    verb: name === undefined ? 'list' : 'get',
    access: { resource, ...(namespace === undefined ? {} : { namespace }), ...(name === undefined ? {} : { name }) },
    async answer(query) {
      if (name === undefined) {
        readCount(query, 'limit')
        const matches = matcherFor(target, query)
        const items = (await listAll()).filter(matches)
        return { type: 'list', declaration, items, resourceVersion: metrics.revision }
      }
      const object = (await listAll()).find(({ metadata }) => metadata.name === name)
      if (object === undefined) throw notFound({ group, plural: resource }, namespace === undefined ? name : `${namespace}/${name}`)
      return { type: 'object', declaration, object }
    },
    watch(query) {
      const matches = matcherFor(target, query)
      const since = query.get('resourceVersion') ?? ''
      const marksInitialEnd = readFlag(query, 'sendInitialEvents')
      const timeoutSeconds = readCount(query, 'timeoutSeconds') ?? 0
      return {
        declaration,
        resource,
        current: list().filter(matches),
        matches,
        sendsInitial: since === '' || since === '0' || marksInitialEnd,
        sendsBookmarks: readFlag(query, 'allowWatchBookmarks'),
        marksInitialEnd,
        timeoutMs: timeoutSeconds === 0 ? defaultWatchMs : Math.min(timeoutSeconds * 1000, defaultWatchMs),
      }
    },
  }
}

function matcherFor({ declaration, namespace, name }: Target, query: Query): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '')
  const fields = parseFieldSelector(declaration, query.get('fieldSelector') ?? '')
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(declaration, fields, object)
}

const usage = { type: 'object', additionalProperties: { type: 'string', description: 'A quantity, such as 123456789n or 1234Ki.' } }
const measured = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object', description: 'Standard object metadata.' },
  timestamp: { type: 'string', format: 'date-time', description: 'The end of the window.' },
  window: { type: 'string', description: 'The time over which CPU use is the average.' },
}

const kindSchema = (kind: string, description: string, properties: object) => ({
  type: 'object',
  description,
  properties,
  'x-kubernetes-group-version-kind': [{ group, version, kind }],
})

const listSchema = (kind: string, referencePrefix: string) =>
  kindSchema(`${kind}List`, `A list of ${kind}.`, {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    items: { type: 'array', items: { $ref: `${referencePrefix}${definitionPrefix}.${kind}` } },
  })

const schemas: Schemas = (referencePrefix) => ({
  [`${definitionPrefix}.NodeMetrics`]: kindSchema('NodeMetrics', 'What a node uses.', { ...measured, usage }),
  [`${definitionPrefix}.NodeMetricsList`]: listSchema('NodeMetrics', referencePrefix),
  [`${definitionPrefix}.PodMetrics`]: kindSchema('PodMetrics', 'What the containers of a pod use.', {
    ...measured,
    containers: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' }, usage } } },
  }),
  [`${definitionPrefix}.PodMetricsList`]: listSchema('PodMetrics', referencePrefix),
})

const apiPath = (path: string, kind: 'NodeMetrics' | 'PodMetrics', parameters: readonly string[] = []): ApiPath => {
  const action = path.endsWith('{name}') ? 'get' : 'list'
  return { path, action, kind, schema: `${definitionPrefix}.${kind}${action === 'get' ? '' : 'List'}`, parameters }
}

const paths: readonly ApiPath[] = [
  apiPath('nodes', 'NodeMetrics'),
  apiPath('nodes/{name}', 'NodeMetrics', ['name']),
  apiPath('pods', 'PodMetrics'),
  apiPath('namespaces/{namespace}/pods', 'PodMetrics', ['namespace']),
  apiPath('namespaces/{namespace}/pods/{name}', 'PodMetrics', ['namespace', 'name']),
]
