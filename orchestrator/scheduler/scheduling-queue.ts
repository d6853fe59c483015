import type { Clock, Timer } from '../../lib/clock.ts'
import type { CoreV1Pod } from '../api/generated/kinds.ts'
import type { AnyPlugin, ClusterEvent, QueuedPod } from './framework.ts'
import { Heap } from './heap.ts'

/** A pod that was refused waits at least this long before it is tried again; the wait doubles up to the maximum. As upstream. */
const firstBackoffMs = 1_000
const lastBackoffMs = 10_000
/** A pod that no event woke is tried again after this long, in case an event was misjudged. */
const forgottenAfterMs = 300_000
/** Events are taken together for this long, so that a storm of them looks through the waiting pods once. */
const gatherMs = 10

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
  /** Set when the pod changed, or its room did, while it was being tried. */
  isStale: boolean
  /** Set when the pod is gone; the heap drops it when it comes up. */
  isRemoved: boolean
}

export interface SchedulingQueueOptions {
  readonly clock: Clock
  readonly plugins: readonly AnyPlugin[]
}

/**
 * The pods that wait for a node, each once: ready ones in order of the sorting plugin, refused ones until an event that can help a plugin which
 * refused them (and their backoff is over), gated ones until they change. Bounded by the number of pods without a node.
 */
export class SchedulingQueue {
  readonly #clock: Clock
  readonly #plugins: readonly AnyPlugin[]
  readonly #entries = new Map<string, Entry>()
  readonly #active: Heap<Entry>
  /** What happened lately, each with the number of its last occurrence. */
  readonly #events = new Map<ClusterEvent, number>()
  #occurrences = 0
  #gathering: Timer | undefined
  #taker: ((entry: QueuedPod | undefined) => void) | undefined
  #isClosed = false

  constructor({ clock, plugins }: SchedulingQueueOptions) {
    this.#clock = clock
    this.#plugins = plugins
    const sorter = plugins.find((plugin) => plugin.queueSort !== undefined)
    this.#active = new Heap((a, b) => sorter?.queueSort?.(a, b) ?? a.since - b.since)
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
  wake(event: ClusterEvent): void {
    if (this.#isClosed) return
    this.#events.set(event, ++this.#occurrences)
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
    // Refused by nobody means that there was no node at all.
    const helpedAt = new Map([['', this.#events.get('node-added') ?? 0]])
    for (const { name, wakesOn = [] } of this.#plugins)
      helpedAt.set(name, Math.max(0, ...wakesOn.map((event) => this.#events.get(event) ?? 0)))
    this.#events.clear()
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'unschedulable') continue
      const refusers = entry.refusedBy.size === 0 ? [''] : [...entry.refusedBy]
      if (refusers.some((name) => helpedAt.get(name)! > entry.refusedAfter)) this.#activate(entry)
    }
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
    entry.isStale = false
    if (entry.isRemoved || this.#isClosed) return
    if (this.#plugins.some((plugin) => plugin.preEnqueue?.(entry.pod) !== undefined)) {
      entry.state = 'gated'
      return
    }
    const waitMs = entry.refusedAt + backoffMs(entry.attempts) - this.#clock.monotonic()
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

const backoffMs = (attempts: number) => (attempts === 0 ? 0 : Math.min(firstBackoffMs * 2 ** (attempts - 1), lastBackoffMs))

/** A pod's spec is replaced as a whole when it changes, and its labels matter for spreading; the status doesn't. */
const isSpecChanged = (before: CoreV1Pod, after: CoreV1Pod) =>
  JSON.stringify([before.spec, before.metadata.labels]) !== JSON.stringify([after.spec, after.metadata.labels])
