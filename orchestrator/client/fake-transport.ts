import { toTimestamp } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { matchesLabels, parseLabelSelector } from '../api/labels.ts'
import type { KubeObject, ListOf, WatchEvent } from '../api/object.ts'
import { alreadyExists, conflict, expired, methodNotAllowed, notFound, pathNotFound } from '../api/status-error.ts'
import type { Transport, TransportRequest } from './client.ts'
import { readScale, writeScale } from './fake-scale.ts'

/** Changes kept for watches; a watch from before them is answered with 410. */
const historyLength = 20_000

export interface FakeTransportOptions {
  readonly clock: Clock
  readonly random: Random
}

/** What stands in front of every request of a fake: it may answer itself, throw a StatusError, or return `undefined` to let it pass. */
export type Intercept = (request: TransportRequest) => Promise<unknown>

/** An API server in memory, for tests: objects of any kind, without schemas, defaults or access rules. */
export interface FakeTransport extends Transport {
  /** Every request that came in, oldest first. */
  readonly requests: readonly TransportRequest[]
  /** The revision of the last write. */
  readonly revision: number
  /** Puts a function in front of the requests that follow; `undefined` takes it away. */
  intercept(intercept: Intercept | undefined): void
  /** Ends every open watch, as a restarting server does. */
  breakWatches(): void
  /** Forgets the history, so that a watch from before now is answered with 410. */
  compact(): void
}

interface Target {
  readonly prefix: string
  readonly group: string
  readonly plural: string
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
}

interface Change {
  readonly revision: number
  readonly target: Target
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubeObject
  readonly previous?: KubeObject
}

type Draft = KubeObject & { metadata: Record<string, unknown>; spec?: Record<string, unknown>; status?: unknown }

/**
 * A fake of the server for create, read, update, patch (JSON merge), delete, list and watch, with resourceVersions, conflicts, generations,
 * finalizers, graceful deletion of bound pods, and the subresources status, approval, scale, binding and finalize.
 */
export function createFakeTransport(options: FakeTransportOptions): FakeTransport {
  return new MemoryTransport(options)
}

class MemoryTransport implements FakeTransport {
  readonly requests: TransportRequest[] = []
  readonly #options: FakeTransportOptions
  /** Objects by collection (`/api/v1/pods`), then by `namespace/name`. */
  readonly #collections = new Map<string, Map<string, KubeObject>>()
  readonly #history: Change[] = []
  readonly #watchers = new Set<Watcher>()
  #intercept: Intercept | undefined
  #compactedTo = 0
  #revision = 1

  constructor(options: FakeTransportOptions) {
    this.#options = options
  }

  get revision(): number {
    return this.#revision
  }

  intercept(intercept: Intercept | undefined): void {
    this.#intercept = intercept
  }

  breakWatches(): void {
    for (const watcher of this.#watchers) watcher.end()
  }

  compact(): void {
    this.#history.length = 0
    this.#compactedTo = this.#revision
  }

  async request(request: TransportRequest): Promise<unknown> {
    this.requests.push(request)
    const answer = await this.#intercept?.(request)
    if (answer !== undefined) return answer
    const target = parseTarget(request.path)
    switch (request.method) {
      case 'GET':
        return target.name === undefined ? this.#list(target, request.query ?? {}) : this.#read(target)
      case 'POST':
        return target.subresource === undefined
          ? this.#create(target, request.body as KubeObject)
          : this.#createSubresource(target, request.body)
      case 'PUT':
        return this.#write(target, request.body as KubeObject)
      case 'PATCH':
        return this.#patch(target, request.body)
      case 'DELETE':
        return this.#delete(target, request.body ?? {})
    }
  }

  async *stream(request: TransportRequest, signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>> {
    this.requests.push(request)
    await this.#intercept?.(request)
    if (signal.aborted) return
    const target = parseTarget(request.path)
    const from = Number(request.query?.resourceVersion ?? 0)
    if (from !== 0 && from < this.#compactedTo) throw expired(`too old resource version: ${from} (${this.#compactedTo})`)
    const watcher = new Watcher(target, selectorOf(request.query ?? {}))
    for (const change of this.#history) if (change.revision > from) watcher.offer(change)
    this.#watchers.add(watcher)
    const end = () => watcher.end()
    signal.addEventListener('abort', end, { once: true })
    try {
      yield* watcher.events()
    } finally {
      this.#watchers.delete(watcher)
      signal.removeEventListener('abort', end)
    }
  }

  #list(target: Target, query: Readonly<Record<string, string>>): ListOf<KubeObject> {
    const isSelected = selectorOf(query)
    const items = [...this.#collection(target).values()].filter((object) => inNamespace(target, object) && isSelected(object))
    items.sort((a, b) => (keyIn(a) < keyIn(b) ? -1 : 1))
    return { metadata: { resourceVersion: String(this.#revision) }, items }
  }

  #read(target: Target): KubeObject {
    const object = this.#existing(target)
    return target.subresource === 'scale' ? readScale(object) : object
  }

  #create(target: Target, body: KubeObject): KubeObject {
    const draft = structuredClone(body) as Draft
    const { metadata } = draft
    if (metadata.name === undefined) metadata.name = `${metadata.generateName as string}${this.#options.random.suffix(5)}`
    if (target.namespace !== undefined) metadata.namespace = target.namespace
    if (this.#collection(target).has(keyIn(draft))) throw alreadyExists(target, metadata.name)
    metadata.uid = this.#options.random.uuid()
    metadata.creationTimestamp = toTimestamp(this.#options.clock.now())
    if (draft.spec !== undefined) metadata.generation = 1
    return this.#store(target, 'ADDED', draft)
  }

  #write(target: Target, body: KubeObject): KubeObject {
    const stored = this.#existing(target)
    const wanted = body.metadata.resourceVersion
    if (wanted !== undefined && wanted !== stored.metadata.resourceVersion) {
      throw conflict(target, target.name!, 'the object has been modified; please apply your changes to the latest version and try again')
    }
    if (target.subresource === 'scale') return readScale(this.#replace(target, stored, writeScale(stored, body)))
    return this.#replace(target, stored, body)
  }

  #patch(target: Target, patch: unknown): KubeObject {
    const stored = this.#existing(target)
    const base = target.subresource === 'scale' ? readScale(stored) : stored
    return this.#write(target, mergePatch(base, patch) as KubeObject)
  }

  /** Stores `body` over `stored`: of the status alone, or of everything but the status, as the path says. */
  #replace(target: Target, stored: KubeObject, body: KubeObject): KubeObject {
    const before = stored as Draft
    const next = structuredClone(body) as Draft
    const { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds, name, namespace } = before.metadata
    const kept = { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds, name, namespace }
    const isStatus = target.subresource === 'status' || target.subresource === 'approval'
    const draft = {
      ...(isStatus ? before : next),
      status: isStatus ? next.status : before.status,
      metadata: { ...next.metadata, ...defined(kept) },
    } as Draft
    if (target.subresource === 'finalize') draft.spec = next.spec
    if (draft.status === undefined) delete draft.status
    draft.metadata.resourceVersion = before.metadata.resourceVersion
    if (!isSame(draft.spec, before.spec)) draft.metadata.generation = (generation ?? 0) + 1
    if (isSame(draft, before)) return stored
    if (deletionTimestamp !== undefined && isReleased(draft)) {
      this.#remove(target, draft)
      return draft
    }
    return this.#store(target, 'MODIFIED', draft, stored)
  }

  #delete(target: Target, options: DeleteBody): unknown {
    const stored = this.#existing(target)
    const { uid, resourceVersion } = options.preconditions ?? {}
    if (uid !== undefined && uid !== stored.metadata.uid)
      throw conflict(
        target,
        target.name!,
        `the UID in the precondition (${uid}) does not match the UID in record (${stored.metadata.uid}). The object might have been deleted and then recreated`,
      )
    if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion)
      throw conflict(
        target,
        target.name!,
        `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${stored.metadata.resourceVersion})`,
      )
    const draft = structuredClone(stored) as Draft
    const graceSeconds = gracePeriodOf(target, draft, options)
    addDeletionFinalizer(draft, options)
    if (graceSeconds === 0 && isReleased(draft)) {
      this.#remove(target, draft)
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 200 }
    }
    if (
      draft.metadata.deletionTimestamp !== undefined &&
      isSame(draft.metadata.finalizers, stored.metadata.finalizers) &&
      graceSeconds !== 0
    )
      return stored
    draft.metadata.deletionTimestamp ??= toTimestamp(this.#options.clock.now() + graceSeconds * 1000)
    draft.metadata.deletionGracePeriodSeconds = graceSeconds
    if (target.plural === 'namespaces') draft.status = { phase: 'Terminating' }
    return this.#store(target, 'MODIFIED', draft, stored)
  }

  #createSubresource(target: Target, body: unknown): unknown {
    if (target.plural !== 'pods' || target.subresource !== 'binding') throw pathNotFound()
    const stored = this.#existing(target)
    const draft = structuredClone(stored) as Draft
    const { nodeName } = draft.spec as { nodeName?: string }
    if (nodeName !== undefined) throw conflict(target, target.name!, `pod ${target.name} is already assigned to node "${nodeName}"`)
    draft.spec = { ...draft.spec, nodeName: (body as { target: { name: string } }).target.name }
    const status = (draft.status ?? {}) as { conditions?: { type: string }[] }
    const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: toTimestamp(this.#options.clock.now()) }
    draft.status = {
      phase: 'Pending',
      ...status,
      conditions: [...(status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled'), scheduled],
    }
    this.#store(target, 'MODIFIED', draft, stored)
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
  }

  #remove(target: Target, draft: Draft): void {
    draft.metadata.resourceVersion = String(this.#revision + 1)
    this.#collection(target).delete(keyIn(draft))
    this.#announce({ revision: ++this.#revision, target, type: 'DELETED', object: draft })
  }

  #store(target: Target, type: 'ADDED' | 'MODIFIED', draft: Draft, previous?: KubeObject): KubeObject {
    draft.metadata.resourceVersion = String(++this.#revision)
    this.#collection(target).set(keyIn(draft), draft)
    this.#announce({ revision: this.#revision, target, type, object: draft, ...(previous === undefined ? {} : { previous }) })
    return draft
  }

  #announce(change: Change): void {
    this.#history.push(change)
    if (this.#history.length > historyLength) this.#compactedTo = this.#history.shift()!.revision
    for (const watcher of this.#watchers) watcher.offer(change)
  }

  #existing(target: Target): KubeObject {
    if (target.name === undefined) throw methodNotAllowed(target, 'the request')
    const object = this.#collection(target).get(target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`)
    if (object === undefined) throw notFound(target, target.name)
    return object
  }

  #collection(target: Target): Map<string, KubeObject> {
    const id = `${target.prefix}/${target.plural}`
    let collection = this.#collections.get(id)
    if (collection === undefined) this.#collections.set(id, (collection = new Map()))
    return collection
  }
}

/** One open watch: changes of its collection, narrowed by its selector, in order. */
class Watcher {
  readonly #target: Target
  readonly #isSelected: (object: KubeObject) => boolean
  readonly #queue: WatchEvent<KubeObject>[] = []
  #wake: (() => void) | undefined
  #hasEnded = false

  constructor(target: Target, isSelected: (object: KubeObject) => boolean) {
    this.#target = target
    this.#isSelected = isSelected
  }

  offer({ target, type, object, previous }: Change): void {
    if (target.prefix !== this.#target.prefix || target.plural !== this.#target.plural || !inNamespace(this.#target, object)) return
    const isIn = type !== 'DELETED' && this.#isSelected(object)
    const wasIn = type === 'DELETED' ? this.#isSelected(object) : previous !== undefined && this.#isSelected(previous)
    if (!isIn && !wasIn) return
    this.#queue.push({ type: isIn ? (wasIn ? 'MODIFIED' : 'ADDED') : 'DELETED', object })
    this.#wake?.()
  }

  end(): void {
    this.#hasEnded = true
    this.#wake?.()
  }

  async *events(): AsyncIterable<WatchEvent<KubeObject>> {
    for (;;) {
      if (this.#hasEnded) return
      const next = this.#queue.shift()
      if (next !== undefined) yield next
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

interface DeleteBody {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: string
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

const pathPattern =
  /^(\/api\/[^/]+|\/apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/(?!status$|finalize$)))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/

function parseTarget(path: string): Target {
  const match = pathPattern.exec(path)
  if (match === null) throw pathNotFound()
  const [, prefix, group = '', namespace, plural, name, subresource] = match.map((part) =>
    part === undefined ? undefined : decodeURIComponent(part),
  )
  return { prefix: prefix!, group, plural: plural!, ...defined({ namespace, name, subresource }) }
}

const defined = <T extends Record<string, unknown>>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }

const inNamespace = (target: Target, object: KubeObject) => target.namespace === undefined || object.metadata.namespace === target.namespace

const keyIn = ({ metadata: { namespace, name } }: KubeObject) => (namespace === undefined ? name! : `${namespace}/${name}`)

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** Whether nothing keeps a deleted object any more: no finalizer, and of pods no grace period that somebody must end. */
const isReleased = (draft: Draft) =>
  (draft.metadata.finalizers ?? []).length === 0 &&
  ((draft.spec as { finalizers?: string[] } | undefined)?.finalizers ?? []).length === 0 &&
  (draft.metadata.deletionGracePeriodSeconds ?? 0) === 0

function gracePeriodOf(target: Target, draft: Draft, options: DeleteBody): number {
  if (target.plural !== 'pods') return 0
  const pod = draft as unknown as { spec: { nodeName?: string; terminationGracePeriodSeconds?: number }; status?: { phase?: string } }
  const isRunning = pod.spec.nodeName !== undefined && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
  const seconds = isRunning ? (options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30) : 0
  if (seconds === 0) draft.metadata.deletionGracePeriodSeconds = 0
  return seconds
}

function addDeletionFinalizer(draft: Draft, { propagationPolicy }: DeleteBody): void {
  const finalizer = propagationPolicy === 'Foreground' ? 'foregroundDeletion' : propagationPolicy === 'Orphan' ? 'orphan' : undefined
  const present = draft.metadata.finalizers ?? []
  if (finalizer !== undefined && !present.includes(finalizer)) draft.metadata.finalizers = [...present, finalizer]
}

function selectorOf(query: Readonly<Record<string, string>>): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(query.labelSelector ?? '')
  const fields = (query.fieldSelector ?? '')
    .split(',')
    .filter((term) => term !== '')
    .map((term) => /^([^=!]+)(!?)==?(.*)$/.exec(term)!)
  return (object) =>
    matchesLabels(labels, object.metadata.labels) &&
    fields.every(([, path, negation, value]) => (fieldOf(object, path!) === value) === (negation === ''))
}

function fieldOf(object: KubeObject, path: string): string {
  const value = path.split('.').reduce<unknown>((fields, name) => (isFields(fields) ? fields[name] : undefined), object)
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
}

/** RFC 7386. */
function mergePatch(base: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const result: Record<string, unknown> = isFields(base) ? { ...base } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = mergePatch(result[name], value)
  }
  return result
}

const isFields = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
