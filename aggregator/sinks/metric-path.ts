import type { Point } from './points.ts'

/** Longest part of a path; file systems of receivers end at 255 bytes. */
const maxPartLength = 200

/**
 * Heapster's dotted path of a point for protocols without labels: `nodes.<n>.pods.<ns>.<pod>.containers.<c>.cpu.usage_rate` and so on, a resource at the
 * end. A part from outside cannot hold a separator: everything but letters, digits, "_" and "-" becomes "_".
 */
export function metricPath(prefix: string, point: Point): string {
  const parts = [
    ...entityParts(point),
    ...point.name.split('/'),
    ...(point.resource === undefined ? [] : [point.resource]),
    ...ownLabels(point),
  ]
  const path = parts.map(pathPart).join('.')
  return prefix === '' ? path : `${prefix}.${path}`
}

function entityParts({ labels }: Point): readonly string[] {
  const { type = 'unknown', nodename = '', namespace_name: namespace = '', pod_name: pod = '', container_name: container = '' } = labels
  const ofPod = nodename === '' ? ['namespaces', namespace, 'pods', pod] : ['nodes', nodename, 'pods', namespace, pod]
  switch (type) {
    case 'cluster':
      return ['cluster']
    case 'node':
      return ['nodes', nodename]
    case 'sys_container':
      return ['nodes', nodename, 'sys-containers', container]
    case 'ns':
      return ['namespaces', namespace]
    case 'workload':
      return ['namespaces', namespace, 'workloads', labels['workload_kind'] ?? '', labels['workload_name'] ?? '']
    case 'pod':
      return ofPod
    case 'pod_container':
      return [...ofPod, 'containers', container]
    default:
      return [`${type}s`, labels[`${type}_name`] ?? '']
  }
}

/** What tells series of a pod's own metric apart. */
function ownLabels({ name, labels }: Point): readonly string[] {
  if (!name.startsWith('custom/')) return []
  const known = new Set(['type', 'nodename', 'namespace_name', 'pod_name'])
  return Object.keys(labels)
    .filter((label) => !known.has(label))
    .sort()
    .flatMap((label) => [label, labels[label]!])
}

function pathPart(text: string): string {
  const clean = text.slice(0, maxPartLength).replaceAll(/[^a-zA-Z0-9_-]/g, '_')
  return clean === '' ? '_' : clean
}

/** A number without exponent or more digits than a double has, as these protocols read it. */
export function plainNumber(value: number): string {
  const text = String(value)
  if (!text.includes('e')) return text
  return Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(20).replace(/\.?0+$/, '')
}
