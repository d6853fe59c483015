import { toMicroTimestamp } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { createBackoff } from '../../../lib/retry.ts'
import type { Random } from '../../../lib/random.ts'
import { CoordinationV1Lease, CoreV1Node } from '../../api/generated/kinds.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import type { EventRecorder } from '../../client/events.ts'
import type { RuntimeState } from '../pod/pod-manager.ts'
import type { ImageService } from '../runtime/runtime.ts'
import { hasChanged, newNode, nodeLabels, nodeStatus } from './node-object.plan.ts'
import type { NodeFacts } from './node-object.plan.ts'

const leaseNamespace = 'kube-node-lease'
const leaseSeconds = 40
const leaseRenewMs = 10_000
const statusReportMs = 300_000
/** Changes that come together are told together. */
const statusDelayMs = 50
const firstRetryMs = 500
const lastRetryMs = 7_000

export interface NodeRegistrarOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly recorder: EventRecorder
  readonly images: Pick<ImageService, 'list'>
  /** Everything about the node that does not change while it runs. */
  readonly facts: Omit<NodeFacts, 'runtime' | 'hasPodCidr' | 'images' | 'pressures' | 'volumesInUse' | 'nowMs'>
  /** Called with every version of the node object that is read or written. */
  readonly onNode: (node: CoreV1Node) => void
  readonly hasPodCidr: () => boolean
  /** Volumes that must not be detached from the node. */
  readonly volumesInUse: () => readonly string[]
  /** Whether the node was taken out of the cluster for good; asked before its object is made anew. */
  readonly wasRemoved?: (uid: string) => Promise<boolean>
  readonly onRemoved?: () => void
  /** The range of the pod network that the node has had, or would like. */
  readonly podCidr: () => string | undefined
}

/**
 * Keeps the Node object and its Lease: registers, renews the lease every 10 s, and tells the status when it changes and every five minutes.
 * A node that somebody deleted registers again.
 */
export class NodeRegistrar {
  readonly #options: NodeRegistrarOptions
  readonly #abort = new AbortController()
  #runtime: RuntimeState = { isUp: false, why: 'the container runtime has not answered yet' }
  #loops: Promise<unknown> | undefined
  #wakeReporter: (() => void) | undefined
  #pressures: ReadonlySet<string> = new Set()
  #isDue = true
  #node: CoreV1Node | undefined

  constructor(options: NodeRegistrarOptions) {
    this.#options = options
  }

  start(): void {
    this.#loops = Promise.all([this.#renewLoop(), this.#reportLoop()])
  }

  async stop(): Promise<void> {
    this.retire()
    await this.#loops
  }

  /** Tells nothing more: the node is no part of the cluster any longer. */
  retire(): void {
    this.#abort.abort()
    this.#wakeReporter?.()
  }

  /** The runtime came or went: told at once. */
  setRuntime(state: RuntimeState): void {
    const before = this.#runtime
    this.#runtime = state
    if (before.isUp !== state.isUp || (!before.isUp && !state.isUp && before.why !== state.why)) this.reportSoon()
  }

  /** What the node is short of: told at once where it has changed. */
  setPressures(pressures: ReadonlySet<string>): void {
    const isSame = pressures.size === this.#pressures.size && [...pressures].every((each) => this.#pressures.has(each))
    this.#pressures = pressures
    if (!isSame) this.reportSoon()
  }

  /** Something of the status has changed. */
  reportSoon(): void {
    this.#isDue = true
    this.#wakeReporter?.()
  }

  async #reportLoop(): Promise<void> {
    const { clock, log, random } = this.#options
    const { signal } = this.#abort
    const backoff = createBackoff({ initialMs: firstRetryMs, maxMs: lastRetryMs, random })
    while (!signal.aborted) {
      this.#isDue = false
      try {
        await this.#report()
        backoff.reset()
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error }, 'telling the node status failed, will be tried again')
        await clock.sleep(backoff.next(), signal)
        continue
      }
      if (signal.aborted) return
      if (!this.#isDue) await this.#sleepUntilDue(statusReportMs)
      await clock.sleep(statusDelayMs, signal)
    }
  }

  async #wasRemoved(): Promise<boolean> {
    const { facts, log, wasRemoved, onRemoved } = this.#options
    const uid = this.#node?.metadata.uid
    if (wasRemoved === undefined || uid === undefined) return false
    if (!(await wasRemoved(uid))) return false
    log.info({ name: facts.nodeName }, 'the node was removed from the cluster')
    this.retire()
    onRemoved?.()
    return true
  }

  async #sleepUntilDue(ms: number): Promise<void> {
    const woken = new AbortController()
    this.#wakeReporter = () => woken.abort()
    await this.#options.clock.sleep(ms, woken.signal)
    this.#wakeReporter = undefined
  }

  async #report(): Promise<void> {
    const { client, facts, clock, hasPodCidr, volumesInUse, images } = this.#options
    const node = await this.#ensureNode()
    if (node === undefined) return
    const present = this.#runtime.isUp ? await images.list().catch(() => []) : []
    const status = nodeStatus(
      {
        ...facts,
        runtime: this.#runtime,
        hasPodCidr: hasPodCidr(),
        volumesInUse: volumesInUse(),
        images: present,
        pressures: this.#pressures,
        nowMs: clock.now(),
      },
      node.status,
    )
    const isHeartbeatDue = clock.now() - this.#heartbeatMs(node) >= statusReportMs
    if (!hasChanged(node.status, status) && !isHeartbeatDue) return
    try {
      this.#note(await client.updateStatus(CoreV1Node, { ...node, status: { ...node.status, ...status } }))
    } catch (error) {
      if (!isConflict(error)) throw error
      this.#isDue = true
    }
    this.#tellChanges(node, status)
  }

  #heartbeatMs(node: CoreV1Node): number {
    const time = node.status?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime
    return time === undefined ? 0 : Date.parse(time)
  }

  /** An event for readiness and pressure that came or went. */
  #tellChanges(node: CoreV1Node, status: NonNullable<CoreV1Node['status']>): void {
    for (const { type, status: value, reason = '' } of status.conditions ?? []) {
      const before = node.status?.conditions?.find((each) => each.type === type)?.status
      if (type === 'Ready') {
        // A node that begins is not ready at first: that is no news, as it is none for the kubelet.
        const isBeginning = before === undefined && value !== 'True'
        if (before !== value && !isBeginning) this.#tell(value === 'True' ? 'NodeReady' : 'NodeNotReady')
      } else if (before !== undefined && before !== value) this.#tell(reason.replace('Kubelet', 'Node'))
    }
  }

  #tell(reason: string): void {
    const { nodeName } = this.#options.facts
    this.#options.recorder.event(
      { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName },
      'Normal',
      reason,
      `Node ${nodeName} status is now: ${reason}`,
    )
  }

  /** The Node, registered where it was not; `undefined` when it was taken out of the cluster. */
  async #ensureNode(): Promise<CoreV1Node | undefined> {
    const { client, facts } = this.#options
    const labels = nodeLabels(facts)
    const existing = await client.get(CoreV1Node, { name: facts.nodeName }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    if (existing === undefined) return (await this.#wasRemoved()) ? undefined : this.#create(labels)
    this.#note(existing)
    const missing = Object.entries(labels).filter(([key, value]) => existing.metadata.labels?.[key] !== value)
    if (missing.length === 0) return existing
    const body = { metadata: { labels: Object.fromEntries(missing) } }
    return this.#note(await client.patch(CoreV1Node, { name: facts.nodeName }, { type: 'application/merge-patch+json', body }))
  }

  async #create(labels: Record<string, string>): Promise<CoreV1Node> {
    const { client, facts, recorder, podCidr } = this.#options
    const name = facts.nodeName
    const node = newNode(name, labels, podCidr())
    try {
      const created = await client.create(CoreV1Node, node)
      recorder.event({ kind: 'Node', apiVersion: 'v1', name, uid: name }, 'Normal', 'Starting', 'Starting kubelet.')
      return this.#note(created)
    } catch (error) {
      if (isAlreadyExists(error)) return this.#note(await client.get(CoreV1Node, { name }))
      throw error
    }
  }

  #note(node: CoreV1Node): CoreV1Node {
    this.#node = node
    this.#options.onNode(node)
    return node
  }

  async #renewLoop(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#abort
    let lease: CoordinationV1Lease | undefined
    while (!signal.aborted) {
      try {
        lease = await this.#renew(lease)
      } catch (error) {
        lease = undefined
        if (!signal.aborted && !isConflict(error) && !isNotFound(error))
          log.warn({ err: error }, 'renewing the node lease failed, will be tried again')
        await clock.sleep(firstRetryMs, signal)
        continue
      }
      await clock.sleep(leaseRenewMs, signal)
    }
  }

  async #renew(known: CoordinationV1Lease | undefined): Promise<CoordinationV1Lease> {
    const { client, clock, facts } = this.#options
    const key = { namespace: leaseNamespace, name: facts.nodeName }
    const existing =
      known ??
      (await client.get(CoordinationV1Lease, key).catch((error: unknown) => {
        if (isNotFound(error)) return undefined
        throw error
      }))
    const spec = { holderIdentity: facts.nodeName, leaseDurationSeconds: leaseSeconds, renewTime: toMicroTimestamp(clock.now()) }
    if (existing !== undefined) return client.update(CoordinationV1Lease, { ...existing, spec: { ...existing.spec, ...spec } })
    const uid = this.#node?.metadata.uid
    const owner = uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: facts.nodeName, uid }] }
    return client.create(CoordinationV1Lease, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...key, ...owner }, spec })
  }
}
