import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { createWorkQueue } from '../../lib/work-queue.ts'
import type { WorkQueue } from '../../lib/work-queue.ts'
import { apiVersionOf, keyOf } from '../api/object.ts'
import type { Kind, KubeObject } from '../api/object.ts'
import { isConflict } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import type { EventRecorder } from '../client/events.ts'
import type { Informer, InformerFactory } from '../client/informer.ts'
import { isTerminal } from './terminal-error.ts'
import { createWriteNotes } from './write-notes.ts'
import type { WriteNotes } from './write-notes.ts'

/** Keys worked on at the same time where the declaration doesn't say, as most of upstream's controllers. */
const defaultWorkers = 5

// oxlint-disable-next-line typescript/no-explicit-any -- a list of kinds has no common object type
export type AnyKind = Kind<any>

/** Another kind that a controller looks at; a change of an object enqueues the keys that `toKeys` answers for it, before and after. */
export interface Watch {
  readonly kind: AnyKind
  // oxlint-disable-next-line typescript/no-explicit-any -- made by `watch`, which ties both types together
  readonly toKeys: (object: any) => Iterable<string>
}

/** A `Watch` with its types checked. */
export function watch<T extends KubeObject>(kind: Kind<T>, toKeys: (object: T) => Iterable<string>): Watch {
  return { kind, toKeys }
}

/** A controller: what it looks after, what wakes it, and one step towards the desired state. */
export interface ControllerDeclaration<T extends KubeObject> {
  readonly name: string
  /** Whose desired state is kept. */
  readonly for: Kind<T>
  /** A change of one of these enqueues the controlling owner. */
  readonly owns?: readonly AnyKind[]
  /** Any other object, mapped to keys. */
  readonly watches?: readonly Watch[]
  /** Keys worked on at the same time. */
  readonly workers?: number
  /** One step. It must be safe to repeat, and look at the caches only: never at what happened. Absent objects aren't reconciled. */
  reconcile(object: T, context: ReconcileContext): Promise<{ readonly requeueAfterMs: number } | undefined>
}

// oxlint-disable-next-line typescript/no-explicit-any -- a list of controllers has no common object type
export type AnyController = ControllerDeclaration<any>

/** What a reconcile acts with. */
export interface ReconcileContext {
  /** Notes every write, so that the key runs again only when the caches have it. */
  readonly client: Client
  readonly events: EventRecorder
  readonly log: Log
  /** The time of this run, milliseconds since the epoch. */
  readonly now: number
  /** Aborts when the controller stops. */
  readonly signal: AbortSignal
}

export type ReconcileResult = 'success' | 'requeue' | 'error' | 'terminal'

/** How often a controller's reconciles ended which way. */
export type ReconcileCounts = Readonly<Record<ReconcileResult, number>>

export interface ControllerOptions {
  readonly client: Client
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly log: Log
  readonly events: EventRecorder
}

/** A controller in its loop. */
export interface Controller {
  readonly name: string
  /** The series `{controller, result}`; all four are there from the start, at 0. */
  readonly counts: ReconcileCounts
  /** Asks for a reconcile of a key, as a change of the object would, once `ms` have passed. */
  enqueueAfter(key: string, ms: number): void
  /** Works until `signal` aborts, then resolves once every reconcile under way has ended. */
  run(signal: AbortSignal): Promise<void>
}

/**
 * The one loop that every controller runs in. It promises:
 * - level-based: a reconcile sees an object's key, never what happened to it;
 * - at most one reconcile per key at a time; changes during a run cause exactly one more;
 * - a throw backs off per key; a terminal error is logged and counted and not retried; `requeueAfterMs` clears the backoff;
 * - read-your-writes: the revision of every write made in a reconcile is noted, and that key runs again only when the caches have reached it;
 * - it starts after its caches have synced, and abort drains it;
 * - each outcome is counted under `{controller, result}`, with every series created at 0.
 */
export function createController<T extends KubeObject>(declaration: ControllerDeclaration<T>, options: ControllerOptions): Controller {
  return new Loop(declaration, options)
}

class Loop<T extends KubeObject> implements Controller {
  readonly name: string
  readonly counts: Record<ReconcileResult, number> = { success: 0, requeue: 0, error: 0, terminal: 0 }
  readonly #declaration: ControllerDeclaration<T>
  readonly #options: ControllerOptions
  readonly #log: Log
  readonly #queue: WorkQueue
  readonly #cache: Informer<T>
  /** The caches that this controller decides by, by kind: those that its own writes must have reached. */
  readonly #caches = new Map<AnyKind, Informer<KubeObject>>()

  constructor(declaration: ControllerDeclaration<T>, options: ControllerOptions) {
    this.name = declaration.name
    this.#declaration = declaration
    this.#options = options
    this.#log = options.log.child({ controller: declaration.name })
    this.#queue = createWorkQueue({ clock: options.clock })
    this.#cache = options.informers.informer(declaration.for)
    const kinds: AnyKind[] = [declaration.for, ...(declaration.owns ?? []), ...(declaration.watches ?? []).map(({ kind }) => kind)]
    for (const kind of kinds) this.#caches.set(kind, options.informers.informer(kind))
  }

  enqueueAfter(key: string, ms: number): void {
    this.#queue.addAfter(key, ms)
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([...this.#caches.values()].map((cache) => cache.waitForSync(signal)))
    } catch {
      return
    }
    const unsubscribe = this.#subscribe()
    const workers = Array.from({ length: this.#declaration.workers ?? defaultWorkers }, () => this.#work(signal))
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    for (const stop of unsubscribe) stop()
    await Promise.all([this.#queue.drain(), ...workers])
  }

  #subscribe(): (() => void)[] {
    const enqueue = (keys: Iterable<string>) => {
      for (const key of keys) this.#queue.add(key)
    }
    const follow = ({ kind, toKeys }: Watch) =>
      this.#caches.get(kind)!.onChange({
        added: (object) => enqueue(toKeys(object)),
        updated: (object, previous) => enqueue([...toKeys(previous), ...toKeys(object)]),
        deleted: (object) => enqueue(toKeys(object)),
      })
    const { owns = [], watches = [] } = this.#declaration
    const owned = owns.map((kind) => watch(kind, (object) => this.#ownerKeys(object)))
    return [watch(this.#declaration.for, (object) => [keyOf(object)]), ...owned, ...watches].map(follow)
  }

  #ownerKeys(object: KubeObject): string[] {
    const { for: kind } = this.#declaration
    const owner = object.metadata.ownerReferences?.find(({ controller }) => controller === true)
    if (owner === undefined || owner.kind !== kind.kind || owner.apiVersion !== apiVersionOf(kind)) return []
    const { namespace } = object.metadata
    return [kind.isNamespaced ? `${namespace}/${owner.name}` : owner.name]
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.#queue.get(); key !== undefined; key = await this.#queue.get()) {
      const notes = createWriteNotes(this.#options.client, this.#caches)
      // What is still queued at the abort is let go: the next start lists everything anew.
      if (!signal.aborted) await this.#reconcile(key, notes, signal)
      this.#release(key, notes, signal)
    }
  }

  async #reconcile(key: string, notes: WriteNotes, signal: AbortSignal): Promise<void> {
    const object = this.#cache.get(key)
    if (object === undefined) return this.#queue.forget(key)
    const log = this.#log.child({ key })
    try {
      const context = { client: notes.client, events: this.#options.events, log, now: this.#options.clock.now(), signal }
      const outcome = await this.#declaration.reconcile(object, context)
      this.#queue.forget(key)
      if (outcome !== undefined) this.#queue.addAfter(key, outcome.requeueAfterMs)
      this.counts[outcome === undefined ? 'success' : 'requeue']++
    } catch (error) {
      if (signal.aborted) return
      if (isTerminal(error)) {
        this.#queue.forget(key)
        this.counts.terminal++
        log.error({ err: error }, 'reconcile failed for good')
      } else {
        this.#queue.addRateLimited(key)
        this.counts.error++
        // Somebody else wrote first: no trouble, the caches are about to show it.
        if (isConflict(error)) log.debug({ err: error }, 'reconcile met a newer object, trying again')
        else log.warn({ err: error }, 'reconcile failed, trying again')
      }
    }
  }

  /** Gives the key back once the caches have what the run wrote. Until then the queue holds it as being worked on. */
  #release(key: string, notes: WriteNotes, signal: AbortSignal): void {
    const release = () => this.#queue.done(key)
    if (notes.isEmpty || signal.aborted) release()
    else notes.reached(signal).then(release, release)
  }
}
