/**
 * The first version of the API, `v1beta1` of the core group: an `id` for a name, a `desiredState` for a spec. Conversions take a decoded
 * body as it came, never throw on odd shapes, and leave what they don't know for the schema check to refuse.
 */
type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const objectAt = (value: unknown, field: string): Fields => (isObject(value) && isObject(value[field]) ? value[field] : {})
const given = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** Names could have capitals then. */
function nameOf(id: unknown): unknown {
  return typeof id === 'string' ? id.toLowerCase() : id
}

function metadataOf({ metadata, id, namespace, labels, annotations }: Fields): Fields {
  return { ...given({ name: nameOf(id), namespace, labels, annotations }), ...(isObject(metadata) ? metadata : {}) }
}

/** `{ desiredState: { manifest } }` → a pod's spec. */
function podSpecOf(state: Fields): Fields {
  const { version: _, id: __, uuid: ___, containers, volumes, restartPolicy, ...rest } = objectAt(state, 'manifest')
  return {
    ...rest,
    ...given({
      containers: Array.isArray(containers) ? containers.map(toContainer) : containers,
      volumes: Array.isArray(volumes) ? volumes.map(toVolume) : volumes,
      restartPolicy: toRestartPolicy(restartPolicy),
    }),
  }
}

/** `{ always: {} }` → `Always`. */
function toRestartPolicy(policy: unknown): unknown {
  if (!isObject(policy)) return policy
  const [name = 'always'] = Object.keys(policy)
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}

/** Limits were plain numbers: thousandths of a core, and bytes. */
function toContainer(container: unknown): unknown {
  if (!isObject(container)) return container
  const { imagePullPolicy, cpu, memory, ...rest } = container
  const limits = given({
    cpu: typeof cpu === 'number' ? `${cpu}m` : undefined,
    memory: typeof memory === 'number' ? String(memory) : undefined,
  })
  return {
    ...rest,
    ...given({ imagePullPolicy: typeof imagePullPolicy === 'string' ? imagePullPolicy.replace(/^Pull(?=.)/, '') : imagePullPolicy }),
    ...(Object.keys(limits).length === 0 ? {} : { resources: { limits } }),
  }
}

const sources: ReadonlyMap<string, string> = new Map([
  ['hostDir', 'hostPath'],
  ['persistentDisk', 'gcePersistentDisk'],
])

/** `{ name, source: { hostDir } }` → `{ name, hostPath }`. */
function toVolume(volume: unknown): unknown {
  if (!isObject(volume)) return volume
  const { source, ...rest } = volume
  if (!isObject(source)) return volume
  return { ...rest, ...Object.fromEntries(Object.entries(source).map(([name, value]) => [sources.get(name) ?? name, value])) }
}

/** A pod of v1. */
export function fromDesiredPod(body: Fields): Fields {
  return { kind: 'Pod', metadata: metadataOf(body), spec: podSpecOf(objectAt(body, 'desiredState')) }
}

/** A replication controller of v1. */
export function fromDesiredController(body: Fields): Fields {
  const state = objectAt(body, 'desiredState')
  const template = objectAt(state, 'podTemplate')
  return {
    kind: 'ReplicationController',
    metadata: metadataOf(body),
    spec: given({
      replicas: state['replicas'],
      selector: state['replicaSelector'],
      template: {
        metadata: given({ labels: template['labels'], annotations: template['annotations'] }),
        spec: podSpecOf(objectAt(template, 'desiredState')),
      },
    }),
  }
}

/** A service of v1; it had one port, and its pods' port beside it. */
export function fromDesiredService(body: Fields): Fields {
  const { port, containerPort, protocol, selector, portalIP, createExternalLoadBalancer, sessionAffinity } = body
  const targetPort = typeof containerPort === 'string' && /^\d+$/.test(containerPort) ? Number(containerPort) : containerPort || undefined
  return {
    kind: 'Service',
    metadata: metadataOf(body),
    spec: given({
      ports: [given({ port, targetPort, protocol: typeof protocol === 'string' ? protocol.toUpperCase() : protocol })],
      selector,
      clusterIP: portalIP,
      sessionAffinity,
      type: createExternalLoadBalancer === true ? 'LoadBalancer' : undefined,
    }),
  }
}
