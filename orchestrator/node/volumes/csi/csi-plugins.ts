import type { Clock } from '../../../../lib/clock.ts'
import type { Log } from '../../../../lib/log.ts'
import { CoreV1Node, StorageV1CSINode } from '../../../api/generated/kinds.ts'
import type { StorageV1CSINodeDriver } from '../../../api/generated/kinds.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../../api/status-error.ts'
import type { Client } from '../../../client/client.ts'
import { capabilitiesOf } from '../../../client/csi/csi-driver.ts'
import type { CsiDriver } from '../../../client/csi/csi-driver.ts'

/** A driver that this node can use. */
export interface CsiPlugin {
  readonly name: string
  readonly endpoint: string
  readonly driver: CsiDriver
  readonly capabilities: ReadonlySet<string>
}

export interface CsiPluginsOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  readonly nodeName: string
  /** A connection to a driver's socket. */
  readonly open: (endpoint: string) => CsiDriver
  /** Called when a driver has come. */
  readonly onArrival: (name: string) => void
}

const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid'
const conflictAttempts = 5

/**
 * The CSI drivers of this node. One that comes is asked who the node is to it, and told of in the CSINode object and in the labels and the annotation of the
 * Node, as the kubelet does.
 */
export class CsiPlugins {
  readonly #options: CsiPluginsOptions
  readonly #plugins = new Map<string, CsiPlugin>()
  /** Changes of the node's objects, one after the other. */
  #writing: Promise<unknown> = Promise.resolve()

  constructor(options: CsiPluginsOptions) {
    this.#options = options
  }

  get(name: string): CsiPlugin | undefined {
    return this.#plugins.get(name)
  }

  /** Makes the CSINode object where there is none. */
  async announceNode(): Promise<void> {
    await this.#inTurn(() => this.#csiNode())
  }

  /** Takes a driver in, in place of one of the same name. Rejects, with nothing changed here, where it does not answer or the API refuses. */
  async register(name: string, endpoint: string): Promise<void> {
    const driver = this.#options.open(endpoint)
    try {
      const [info, capabilities] = await Promise.all([driver.call('NodeGetInfo', {}), capabilitiesOf(driver, 'NodeGetCapabilities')])
      const { nodeId = '', maxVolumesPerNode = 0, accessibleTopology } = info
      if (nodeId === '') throw new Error(`driver ${name} does not say what this node is to it: NodeGetInfo answered no node_id`)
      const segments = accessibleTopology?.segments ?? {}
      const entry: StorageV1CSINodeDriver = {
        name,
        nodeID: nodeId,
        topologyKeys: Object.keys(segments).sort(),
        ...(maxVolumesPerNode > 0 ? { allocatable: { count: maxVolumesPerNode } } : {}),
      }
      await this.#inTurn(async () => {
        await this.#label(name, nodeId, segments)
        await this.#changeDrivers((drivers) => [...drivers.filter((each) => each.name !== name), entry])
      })
      this.#plugins.get(name)?.driver.close()
      this.#plugins.set(name, { name, endpoint, driver, capabilities })
    } catch (error) {
      driver.close()
      throw error
    }
    this.#options.log.info({ driver: name, endpoint }, 'a CSI driver has come')
    this.#options.onArrival(name)
  }

  /** Lets a driver go. What it has mounted stays, and cannot be unmounted before it comes back. */
  async unregister(name: string): Promise<void> {
    const plugin = this.#plugins.get(name)
    if (plugin === undefined) return
    this.#plugins.delete(name)
    plugin.driver.close()
    this.#options.log.info({ driver: name }, 'a CSI driver is gone')
    await this.#inTurn(() => this.#changeDrivers((drivers) => drivers.filter((each) => each.name !== name)))
  }

  stop(): void {
    for (const { driver } of this.#plugins.values()) driver.close()
    this.#plugins.clear()
  }

  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(write, write)
    this.#writing = turn.catch(() => {})
    return turn
  }

  async #changeDrivers(change: (drivers: readonly StorageV1CSINodeDriver[]) => StorageV1CSINodeDriver[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const node = await this.#csiNode()
      const drivers = change(node.spec.drivers ?? [])
      try {
        await this.#options.client.update(StorageV1CSINode, { ...node, spec: { ...node.spec, drivers } })
        return
      } catch (error) {
        if (!isConflict(error) || attempt >= conflictAttempts) throw error
      }
    }
  }

  async #csiNode(): Promise<StorageV1CSINode> {
    const { client, nodeName: name } = this.#options
    const present = await client.get(StorageV1CSINode, { name }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
    if (present !== undefined) return present
    const owner = await client.get(CoreV1Node, { name })
    const metadata = { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: owner.metadata.uid! }] }
    const node: StorageV1CSINode = { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata, spec: { drivers: [] } }
    return client.create(StorageV1CSINode, node).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error
      return client.get(StorageV1CSINode, { name })
    })
  }

  async #label(driver: string, nodeId: string, segments: Readonly<Record<string, string>>): Promise<void> {
    const { client, nodeName: name } = this.#options
    const { metadata } = await client.get(CoreV1Node, { name })
    for (const [key, value] of Object.entries(segments)) {
      const has = metadata.labels?.[key]
      if (has !== undefined && has !== value)
        throw new Error(`detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${has}"`)
    }
    const ids = { ...idsIn(metadata.annotations?.[nodeIdAnnotation]), [driver]: nodeId }
    const body = { metadata: { labels: segments, annotations: { [nodeIdAnnotation]: JSON.stringify(ids) } } }
    await client.patch(CoreV1Node, { name }, { type: 'application/merge-patch+json', body })
  }
}

/** What drivers know the node by, as an annotation has it; what cannot be read is written anew. */
function idsIn(text: string | undefined): Record<string, string> {
  try {
    const ids: unknown = JSON.parse(text ?? '{}')
    return typeof ids === 'object' && ids !== null ? (ids as Record<string, string>) : {}
  } catch {
    return {}
  }
}
