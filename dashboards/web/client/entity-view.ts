import { h } from 'preact'
import type { ContainerRow, PodRow, Snapshot, WorkloadRow } from '../model.ts'
import { Charts } from './charts.ts'
import { containerColumns, podColumns, workloadColumns } from './columns.ts'
import { EntityTable } from './entity-table.ts'
import { EventTable } from './events-view.ts'
import { useFetched } from './fetched.ts'
import type { ViewProps } from './views.ts'

interface Description {
  readonly title: string
  readonly note: string
  /** Where one comes from, on the way down: title and key. */
  readonly way: readonly (readonly [title: string, key: string])[]
  readonly pods: readonly PodRow[]
  readonly workloads: readonly WorkloadRow[]
  /** The object that events name, `Kind/name`, and its namespace. */
  readonly object?: { readonly name: string; readonly namespace: string }
  /** Whose logs there are to be seen. */
  readonly logs?: { readonly namespace: string; readonly pod: string }
}

/** One node, namespace, workload, pod or container: what is above it, its charts, what is in it, its events. */
export function EntityView({ snapshot, route, go, tick }: ViewProps) {
  const { title, note, way, pods, workloads, object, logs } = describe(route.key, snapshot)
  const isPod = /^namespace:[^/]+\/pod:[^/]+$/.test(route.key)
  const crumb = ([text, key]: Description['way'][number]) =>
    h('button', { class: 'crumb', onClick: () => go({ view: 'entity', key }) }, text)
  return h(
    'main',
    {},
    h(
      'h2',
      {},
      way.flatMap((step) => [crumb(step), h('span', { class: 'quiet' }, ' › ')]),
      title,
      h('small', {}, note),
      logs === undefined
        ? null
        : h(
            'button',
            { class: 'crumb', onClick: () => go({ view: 'logs', key: '', search: '', kind: 'container', level: '', ...logs }) },
            ' Logs',
          ),
    ),
    h(Charts, { entityKey: route.key, minutes: route.minutes, tick, set: 'all' }),
    workloads.length === 0
      ? null
      : [h('h2', {}, 'Workloads'), h(EntityTable<WorkloadRow>, { columns: workloadColumns, rows: workloads, route, go, empty: '' })],
    pods.length === 0 ? null : [h('h2', {}, 'Pods'), h(EntityTable<PodRow>, { columns: podColumns, rows: pods, route, go, empty: '' })],
    isPod ? h(ContainersOf, { podKey: route.key, route, go, tick }) : null,
    object === undefined ? null : h(EventsOf, { object, route, go, tick, now: snapshot.time }),
  )
}

function ContainersOf({ podKey, route, go, tick }: Pick<ViewProps, 'route' | 'go' | 'tick'> & { readonly podKey: string }) {
  const rows = useFetched('/api/containers', tick, { pod: podKey })
  if (rows === null) return null
  return [
    h('h2', {}, 'Containers'),
    h(EntityTable<ContainerRow>, { columns: containerColumns, rows, route, go, empty: 'No container is measured' }),
  ]
}

interface EventsOfProps extends Pick<ViewProps, 'route' | 'go' | 'tick'> {
  readonly object: NonNullable<Description['object']>
  readonly now: number
}

function EventsOf({ object, route, go, tick, now }: EventsOfProps) {
  const events = useFetched('/api/events', tick)
  const rows = events?.rows.filter((row) => row.object === object.name && row.namespace === object.namespace) ?? []
  if (rows.length === 0) return null
  return [h('h2', {}, 'Events'), h(EventTable, { rows, now, route, go })]
}

/** What the snapshot knows of the entity of a key. */
function describe(key: string, snapshot: Snapshot): Description {
  const nothing = { way: [], pods: [], workloads: [], note: 'not measured at the moment' }
  const pod = snapshot.pods.find((row) => row.key === key || key.startsWith(`${row.key}/container:`))
  if (pod !== undefined) return describePod(key, pod)
  const node = snapshot.nodes.find((row) => row.key === key)
  if (node !== undefined) {
    const pods = snapshot.pods.filter((row) => row.node === node.name)
    return { ...nothing, title: node.name, note: `${node.pods} pods`, pods, object: { name: `Node/${node.name}`, namespace: 'default' } }
  }
  const workload = snapshot.workloads.find((row) => row.key === key)
  if (workload !== undefined) {
    const { namespace, kind, name } = workload
    const pods = snapshot.pods.filter((row) => row.namespace === namespace && row.workload === `${kind}/${name}`)
    const way = [[namespace, `namespace:${namespace}`]] as const
    return { ...nothing, title: name, note: `${kind}, ${workload.pods} pods`, way, pods, object: { name: `${kind}/${name}`, namespace } }
  }
  const namespace = snapshot.namespaces.find((row) => row.key === key)
  if (namespace !== undefined) {
    const within = <T extends { readonly namespace: string }>(rows: readonly T[]) => rows.filter((row) => row.namespace === namespace.name)
    return {
      ...nothing,
      title: namespace.name,
      note: `${namespace.pods} pods`,
      pods: within(snapshot.pods),
      workloads: within(snapshot.workloads),
      logs: { namespace: namespace.name, pod: '' },
    }
  }
  return { ...nothing, title: key }
}

function describePod(key: string, pod: PodRow): Description {
  const { namespace, name, node, workload, restarts } = pod
  const nodeStep = [node, `node:${node}`] as const
  const namespaceStep = [namespace, `namespace:${namespace}`] as const
  const above = workload === '' ? [namespaceStep] : [namespaceStep, [workload, `namespace:${namespace}/workload:${workload}`] as const]
  const known = { pods: [], workloads: [], logs: { namespace, pod: name } }
  if (key !== pod.key) {
    const note = `container of ${namespace}/${name}, on ${node}`
    return { ...known, title: key.slice(pod.key.length + '/container:'.length), note, way: [...above, [name, pod.key]] }
  }
  const note = `${namespace}, restarts ${restarts ?? '–'}`
  return { ...known, title: `${namespace}/${name}`, note, way: [...above, nodeStep], object: { name: `Pod/${name}`, namespace } }
}
