import { createHash } from 'node:crypto'
import { CoreV1Pod, CoreV1ReplicationController } from '../../orchestrator/api/generated/kinds.ts'
import { formatLabelSelector, selectorFromMap } from '../../orchestrator/api/labels.ts'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { CommandError } from '../cluster-connection.ts'

const type = 'application/merge-patch+json'

/** What an update leaves on its controllers, so that another run can go on with it. The names are those that kubectl used. */
export const annotation = {
  next: 'kubectl.kubernetes.io/next-controller-id',
  source: 'kubectl.kubernetes.io/update-source-id',
  desired: 'kubectl.kubernetes.io/desired-replicas',
  original: 'kubectl.kubernetes.io/original-replicas',
} as const

/** The replication controllers of one namespace, as an update sees them. */
export interface Controllers {
  get(name: string): Promise<CoreV1ReplicationController>
  find(name: string): Promise<CoreV1ReplicationController | undefined>
  /** The one that was made to follow a controller of this name. */
  findSuccessor(name: string): Promise<CoreV1ReplicationController | undefined>
  create(controller: CoreV1ReplicationController): Promise<CoreV1ReplicationController>
  /** Changes fields; `null` takes one away. */
  change(name: string, body: object): Promise<CoreV1ReplicationController>
  annotate(name: string, annotations: Readonly<Record<string, string | null>>): Promise<CoreV1ReplicationController>
  remove(name: string, isOrphaning?: boolean): Promise<void>
  /** The pods that it selects and that stay. */
  pods(controller: CoreV1ReplicationController): Promise<readonly CoreV1Pod[]>
  label(pod: CoreV1Pod, labels: Readonly<Record<string, string>>): Promise<void>
  removePod(pod: CoreV1Pod): Promise<void>
}

/** The replication controllers of a namespace through a client. */
export function createControllers(client: Client, namespace: string): Controllers {
  const change = (name: string, body: object) => client.patch(CoreV1ReplicationController, { namespace, name }, { type, body })
  const find = async (name: string) => {
    try {
      return await client.get(CoreV1ReplicationController, { namespace, name })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
  return {
    get: (name) => client.get(CoreV1ReplicationController, { namespace, name }),
    find,
    findSuccessor: async (name) => {
      const { items } = await client.list(CoreV1ReplicationController, { namespace })
      return items.find(({ metadata }) => metadata.annotations?.[annotation.source]?.startsWith(`${name}:`))
    },
    create: (controller) => client.create(CoreV1ReplicationController, controller),
    change,
    annotate: (name, annotations) => change(name, { metadata: { annotations } }),
    remove: async (name, isOrphaning = false) => {
      await client.delete(CoreV1ReplicationController, { namespace, name }, isOrphaning ? { propagationPolicy: 'Orphan' } : {})
    },
    pods: async ({ spec }) => {
      const labelSelector = formatLabelSelector(selectorFromMap(spec.selector))
      const { items } = await client.list(CoreV1Pod, { namespace, labelSelector })
      return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    },
    label: async ({ metadata }, labels) => {
      const body = { metadata: { uid: metadata.uid, labels } }
      await client.patch(CoreV1Pod, { namespace, name: metadata.name! }, { type, body })
    },
    removePod: async ({ metadata }) => {
      await client.delete(CoreV1Pod, { namespace, name: metadata.name! }, { preconditions: { uid: metadata.uid } })
    },
  }
}

/** What tells a controller from another of the same name: the md5 sum of all that it says. */
export const hashOf = (controller: CoreV1ReplicationController) => createHash('md5').update(JSON.stringify(controller)).digest('hex')

/** A new object with what a user says of a controller, and nothing of what the server adds. */
export function asNew(controller: CoreV1ReplicationController, name: string): CoreV1ReplicationController {
  const { labels, annotations = {}, namespace } = controller.metadata
  const ours: readonly string[] = Object.values(annotation)
  const kept = Object.fromEntries(Object.entries(annotations).filter(([key]) => !ours.includes(key)))
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, namespace, ...(labels === undefined ? {} : { labels }), annotations: kept },
    spec: structuredClone(controller.spec),
  }
}

/** How a copy of a controller is to differ. */
export interface CopyOptions {
  /** Absent: made from the old name and a hash. */
  readonly name: string | undefined
  readonly image: string
  readonly container: string | undefined
  readonly pullPolicy: string | undefined
  readonly labelKey: string
}

/** The controller with another image, told from the old one by a label. Throws `CommandError` when it isn't clear which container is meant. */
export function copyWithImage(old: CoreV1ReplicationController, options: CopyOptions): CoreV1ReplicationController {
  const { image, container, pullPolicy, labelKey } = options
  const template = structuredClone(old.spec.template!)
  const target = containerOf(old, container)
  const containers = template.spec!.containers.map((each) =>
    each.name === target.name ? { ...each, image, ...(pullPolicy === undefined ? {} : { imagePullPolicy: pullPolicy }) } : each,
  )
  const hash = hashOf({ ...old, spec: { ...old.spec, template: { ...template, spec: { ...template.spec!, containers } } } })
  const copy = asNew(old, options.name ?? `${old.metadata.name}-${hash}`)
  return {
    ...copy,
    spec: {
      ...copy.spec,
      selector: { ...copy.spec.selector, [labelKey]: hash },
      template: {
        metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [labelKey]: hash } },
        spec: { ...template.spec!, containers },
      },
    },
  }
}

/** The container whose image is meant. Throws `CommandError` where that isn't clear. */
export function containerOf({ spec, metadata }: CoreV1ReplicationController, name: string | undefined) {
  const containers = spec.template?.spec?.containers ?? []
  if (name !== undefined) {
    const found = containers.find((each) => each.name === name)
    if (found !== undefined) return found
    const names = containers.map((each) => each.name).join(', ')
    throw new CommandError(`container ${name} not found in replication controller ${metadata.name}; it has ${names}`)
  }
  if (containers.length === 1) return containers[0]!
  throw new CommandError('must specify a target container when updating a multi-container pod: --container names one')
}

/** Makes a controller and its pods carry a label that tells them from those of its successor. One that has the label already stays as it is. */
export async function addLabel(controllers: Controllers, old: CoreV1ReplicationController, label: Readonly<Record<string, string>>) {
  const name = old.metadata.name!
  if (Object.keys(label).every((key) => old.spec.selector?.[key] !== undefined)) return old
  // New pods have the label from here on, then the old ones, and only then it is asked for: no pod is let go.
  await controllers.change(name, { spec: { template: { metadata: { labels: label } } } })
  for (const pod of await controllers.pods(old)) await controllers.label(pod, label)
  const updated = await controllers.change(name, { spec: { selector: label } })
  // Those that were made from the old template meanwhile belong to nobody now.
  for (const pod of await controllers.pods(old)) {
    if (Object.keys(label).some((key) => pod.metadata.labels?.[key] === undefined)) await controllers.removePod(pod)
  }
  return updated
}
