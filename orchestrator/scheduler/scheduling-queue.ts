import type { Clock, Timer } from '../../lib/clock.ts'
import type { CoreV1Pod } from '../api/generated/kinds.ts'
import type { AnyPlugin, Change, ClusterEvent, Profile, QueuedPod } from './framework.ts'
import type { Snapshot } from './cluster-cache.ts'
import { Heap } from './heap.ts'

/** A pod that no event woke is tried again after this long, in case an event was misjudged. */
const forgottenAfterMs = 300_000
/** Events are taken together for this long, so that a storm of them looks through the waiting pods once. */
const gatherMs = 10
/** Of each kind of event so many are looked at one by one; when there are more, all of the kind count as helpful. */
const maxGathered = 256

type State = 'active' | 'backing-off' | 'unschedulable' | 'gated' | 'in-flight'

interface Entry extends QueuedPod {
  pod: CoreV1Pod
  attempts: number
  state: State
  /** Names of the plugins that refused it last. */
  refusedBy: ReadonlySet<string>
  refusedAt: number
  /** How much had happened when it was refused: only what comes later can help. */
  refusedAfter: number
  timer?: Timer
  /** Set when the pod changed while it was being tried. */
  isStale: boolean
  /** Set when the pod is gone; the heap drops it when it comes up. */
  isRemoved: boolean
}

/** What happened lately of one kind. */
interface Gathered {
  /** The number of the last occurrence. */
  last: number
  readonly changes: { readonly change: Change; readonly number: number }[]
}

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** The profile that a pod is for; all have the same order of the queue. */
  readonly profileOf: (pod: CoreV1Pod) => Profile
  readonly queueSort: AnyPlugin
  /** The cluster as it is, for telling whom a change helps. */
  readonly snapshot: Snapshot
  /** A pod that was refused waits at least this long before it is tried again; the wait doubles up to the maximum. */
  readonly firstBackoffMs: number
  readonly lastBackoffMs: number
}

/**
 * The pods that wait for a node, each once: ready ones in order of the sorting plugin, refused ones until an event that can help a plugin which
 * refused them (and their backoff is over), gated ones until they change. Bounded by the number of pods without a node.
 */
export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  /** Those that wait for an event. */
  readonly #unschedulable = new Set<Entry>()
  readonly #active: Heap<Entry>
  readonly #gathered = new Map<ClusterEvent, Gathered>()
  #occurrences = 0
  #gathering: Timer | undefined
  #taker: ((entry: QueuedPod | undefined) => void) | undefined
  #isClosed = false

  constructor(options: SchedulingQueueOptions) {
    this.#options = options
    this.#clock = options.clock
    const { queueSort } = options
    this.#active = new Heap((a, b) => queueSort.queueSort!(a, b))
  }

  /** How many pods wait in each state. */
  counts(): Readonly<Record<State, number>> {
    const counts = { active: 0, 'backing-off': 0, unschedulable: 0, gated: 0, 'in-flight': 0 }
    for (const { state } of this.#entries.values()) counts[state]++
    return counts
  }

  /** Takes a pod in, or its newer version; a change of a refused pod gives it another chance. */
  set(pod: CoreV1Pod): void {
    const uid = pod.metadata.uid!
    const entry = this.#entries.get(uid)
    if (entry === undefined) return this.#insert(uid, pod)
    const isChanged = isSpecChanged(entry.pod, pod)
    entry.pod = pod
    if (!isChanged) return
    if (entry.state === 'in-flight') entry.isStale = true
    if (entry.state === 'gated' || entry.state === 'unschedulable') this.#activate(entry)
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    entry.timer?.cancel()
    entry.isRemoved = true
    this.#unschedulable.delete(entry)
    this.#entries.delete(uid)
  }

  /** The next pod, when there is one; `undefined` once closed. One taker at a time. */
  pop(): Promise<QueuedPod | undefined> {
    const entry = this.#takeActive()
    if (entry !== undefined || this.#isClosed) return Promise.resolve(entry)
    return new Promise((resolve) => (this.#taker = resolve))
  }

  /** The pod found no node: it waits for an event that can help one of the plugins that refused it. */
  refuse({ pod }: QueuedPod, refusedBy: ReadonlySet<string>): void {
    const entry = this.#entries.get(pod.metadata.uid!)
    if (entry === undefined) return
    entry.refusedBy = refusedBy
    entry.refusedAfter = this.#occurrences
    entry.refusedAt = this.#clock.monotonic()
    if (entry.isStale) return this.#activate(entry)
    entry.state = 'unschedulable'
    this.#unschedulable.add(entry)
    entry.timer = this.#clock.setTimer(forgottenAfterMs, () => this.#activate(entry))
  }

  /** Something that has nothing to do with the cluster's room went wrong: tried again after the backoff. */
  retry({ pod }: QueuedPod): void {
    const entry = this.#entries.get(pod.metadata.uid!)
    if (entry === undefined) return
    entry.refusedAt = this.#clock.monotonic()
    this.#activate(entry)
  }

  /** Says what happened in the cluster. */
  wake(change: Change): void {
    if (this.#isClosed) return
    const number = ++this.#occurrences
    const gathered = this.#gathered.get(change.event)
    if (gathered === undefined) this.#gathered.set(change.event, { last: number, changes: [{ change, number }] })
    else {
      gathered.last = number
      if (gathered.changes.length <= maxGathered) gathered.changes.push({ change, number })
    }
    this.#gathering ??= this.#clock.setTimer(gatherMs, () => this.#wakeRefused())
  }

  close(): void {
    this.#isClosed = true
    this.#gathering?.cancel()
    for (const { timer } of this.#entries.values()) timer?.cancel()
    this.#taker?.(undefined)
    this.#taker = undefined
  }

  #wakeRefused(): void {
    this.#gathering = undefined
    for (const entry of this.#unschedulable) if (this.#isHelped(entry)) this.#activate(entry)
    this.#gathered.clear()
  }

  #isHelped(entry: Entry): boolean {
    // Refused by nobody means that there was no node at all.
    if (entry.refusedBy.size === 0) return (this.#gathered.get('node-added')?.last ?? 0) > entry.refusedAfter
    return this.#options
      .profileOf(entry.pod)
      .plugins.some((plugin) => entry.refusedBy.has(plugin.name) && plugin.wakesOn?.some((event) => this.#helps(entry, plugin, event)))
  }

  #helps(entry: Entry, plugin: AnyPlugin, event: ClusterEvent): boolean {
    const gathered = this.#gathered.get(event)
    if (gathered === undefined || gathered.last <= entry.refusedAfter) return false
    if (plugin.isHelped === undefined || gathered.changes.length > maxGathered) return true
    return gathered.changes.some(
      ({ change, number }) => number > entry.refusedAfter && plugin.isHelped!(entry.pod, change, this.#options.snapshot),
    )
  }

  #insert(uid: string, pod: CoreV1Pod): void {
    const entry: Entry = {
      pod,
      since: this.#clock.monotonic(),
      attempts: 0,
      state: 'gated',
      refusedBy: new Set(),
      refusedAt: -Infinity,
      refusedAfter: 0,
      isStale: false,
      isRemoved: false,
    }
    this.#entries.set(uid, entry)
    this.#activate(entry)
  }

  /** Makes the pod ready: at once, or when its backoff is over; not while a gate holds it. */
  #activate(entry: Entry): void {
    entry.timer?.cancel()
    delete entry.timer
    this.#unschedulable.delete(entry)
    entry.isStale = false
    if (entry.isRemoved || this.#isClosed) return
    if (this.#options.profileOf(entry.pod).preEnqueue.some((plugin) => plugin.preEnqueue?.(entry.pod) !== undefined)) {
      entry.state = 'gated'
      return
    }
    const waitMs = entry.refusedAt + this.#backoffMs(entry.attempts) - this.#clock.monotonic()
    if (waitMs > 0) {
      entry.state = 'backing-off'
      entry.timer = this.#clock.setTimer(waitMs, () => this.#activate(entry))
      return
    }
    entry.state = 'active'
    this.#active.push(entry)
    // Served a moment later, so that of pods made ready together the first in order goes first.
    if (this.#taker !== undefined) queueMicrotask(() => this.#serve())
  }

  #backoffMs(attempts: number): number {
    const { firstBackoffMs, lastBackoffMs } = this.#options
    return attempts === 0 ? 0 : Math.min(firstBackoffMs * 2 ** (attempts - 1), lastBackoffMs)
  }

  #serve(): void {
    const entry = this.#taker === undefined ? undefined : this.#takeActive()
    if (entry === undefined) return
    const taker = this.#taker!
    this.#taker = undefined
    taker(entry)
  }

  #takeActive(): QueuedPod | undefined {
    for (let entry = this.#active.pop(); entry !== undefined; entry = this.#active.pop()) {
      if (entry.isRemoved || entry.state !== 'active') continue
      entry.state = 'in-flight'
      entry.attempts++
      return entry
    }
    return undefined
  }
}

/** A pod's spec is replaced as a whole when it changes, and its labels matter for spreading; the status doesn't. */
const isSpecChanged = (before: CoreV1Pod, after: CoreV1Pod) =>
  before !== after &&
  JSON.stringify([before.spec, before.metadata.labels, before.status?.resourceClaimStatuses]) !==
    JSON.stringify([after.spec, after.metadata.labels, after.status?.resourceClaimStatuses])
