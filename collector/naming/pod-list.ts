/** A pod's container as a kubelet's list of pods has it. */
export interface ListedContainer {
  readonly podName: string
  readonly namespace: string
  readonly podUid: string
  readonly name: string
  readonly image: string
  readonly restartCount: number
}

/** A pod as such a list has it. */
export interface ListedPod {
  readonly name: string
  readonly namespace: string
  readonly uid: string
}

/** Pods and containers by what their cgroups say of them. */
export interface PodDirectory {
  /** By the id that the runtime gave the container. */
  readonly containers: ReadonlyMap<string, ListedContainer>
  readonly pods: ReadonlyMap<string, ListedPod>
}

/** More containers than this run on no node. */
const maxContainers = 4096

/** The uid that a mirror pod's cgroup goes by: that of the file, not of the object that shows it. */
const configHash = 'kubernetes.io/config.hash'

/** Makes a directory of a `v1.PodList`, whoever it comes from; throws for what is none. Parts that are not as they should be are left out. */
export function readPodList(list: unknown): PodDirectory {
  const items = fieldOf(list, 'items')
  // A kubelet without pods writes null.
  if (!Array.isArray(items) && items !== null) throw new TypeError(`items: ${typeof items} is not allowed, a v1.PodList has an array`)
  const containers = new Map<string, ListedContainer>()
  const pods = new Map<string, ListedPod>()
  for (const item of Array.isArray(items) ? items : []) {
    const metadata = fieldOf(item, 'metadata')
    const [name, namespace, objectUid] = [textOf(metadata, 'name'), textOf(metadata, 'namespace'), textOf(metadata, 'uid')]
    const uid = textOf(fieldOf(metadata, 'annotations'), configHash) ?? objectUid
    if (name === undefined || namespace === undefined || uid === undefined || containers.size >= maxContainers) continue
    pods.set(uid, { name, namespace, uid })
    for (const { id, ...container } of statusesOf(fieldOf(item, 'status'))) {
      containers.set(id, { podName: name, namespace, podUid: uid, ...container })
    }
  }
  return { containers, pods }
}

function statusesOf(status: unknown): { id: string; name: string; image: string; restartCount: number }[] {
  const lists = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'].map((name) => fieldOf(status, name))
  return lists
    .filter((list) => Array.isArray(list))
    .flat()
    .flatMap((container: unknown) => {
      // `containerd://<id>`, `docker://<id>`, `cri-o://<id>`; empty before the container is made.
      const id = /:\/\/([0-9a-f]{64})$/.exec(textOf(container, 'containerID') ?? '')?.[1]
      const name = textOf(container, 'name')
      if (id === undefined || name === undefined) return []
      const restartCount = fieldOf(container, 'restartCount')
      return [{ id, name, image: textOf(container, 'image') ?? '', restartCount: typeof restartCount === 'number' ? restartCount : 0 }]
    })
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

function textOf(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name)
  return typeof field === 'string' && field !== '' ? field : undefined
}
