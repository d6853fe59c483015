import { isDeepStrictEqual } from 'node:util'
import type { MetaV1OwnerReference } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { Kind, KubeObject } from '../../api/object.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import type { AnyController, ReconcileContext } from '../controller.ts'
import { planCollection } from './garbage-collector.plan.ts'
import type { OwnerState } from './garbage-collector.plan.ts'
import { ignoreGone } from '../refusal.ts'

const foregroundFinalizer = 'foregroundDeletion'
const orphanFinalizer = 'orphan'

/** Asks for a reconcile of an object of one of the kinds. */
export type Wake = (kind: Kind, key: string) => void

/** The garbage collector: one declaration per kind over one graph of owners. */
export interface GarbageCollector {
  readonly declarations: readonly AnyController[]
  /** Where to report objects whose owners or dependents changed. */
  connect(this: void, wake: Wake): void
}

export interface GarbageCollectorOptions {
  readonly informers: InformerFactory
  readonly kinds: readonly Kind[]
}

/** Removes objects whose owners are all gone, and carries out foreground deletion and orphaning of dependents. */
export function createGarbageCollector(options: GarbageCollectorOptions): GarbageCollector {
  const graph = new OwnerGraph(options)
  return {
    connect: (wake) => graph.connect(wake),
    declarations: options.kinds.map((kind) => ({
      name: 'garbage-collector',
      for: kind,
      workers: 2,
      reconcile: (object: KubeObject, context: ReconcileContext) => collect(kind, object, graph, context),
    })),
  }
}

interface Dependent {
  readonly kind: Kind
  readonly object: KubeObject
}

interface Member {
  readonly kind: Kind
  readonly informer: Informer<KubeObject>
}

/** Who owns whom, over the caches of all kinds. */
class OwnerGraph {
  readonly #members: readonly Member[]
  readonly #byKind = new Map<string, Member>()
  #wake: Wake = () => {}

  constructor({ informers, kinds }: GarbageCollectorOptions) {
    const indexes = { owner: ({ metadata }: KubeObject) => (metadata.ownerReferences ?? []).map(({ uid }) => uid) }
    // The kind as it was given: the informer may be shared with somebody who named it by another constant.
    this.#members = kinds.map((kind) => ({ kind, informer: informers.informer(kind, { indexes }) }))
    for (const member of this.#members) this.#byKind.set(`${member.kind.group}/${member.kind.kind}`, member)
  }

  get hasSynced(): boolean {
    return this.#members.every(({ informer }) => informer.hasSynced)
  }

  connect(wake: Wake): void {
    this.#wake = wake
    for (const { informer } of this.#members)
      informer.onChange({
        updated: (object, previous) => {
          if (!isDeepStrictEqual(object.metadata.ownerReferences, previous.metadata.ownerReferences)) this.#wakeLeavingOwners(previous)
        },
        deleted: (object) => {
          this.wakeDependents(object)
          this.#wakeLeavingOwners(object)
        },
      })
  }

  *dependentsOf(uid: string): Iterable<Dependent> {
    for (const { kind, informer } of this.#members) for (const object of informer.byIndex('owner', uid)) yield { kind, object }
  }

  /** How an owner stands, by the caches where they know it, else by asking the server. Owners of kinds that aren't collected count as solid. */
  async stateOf(reference: MetaV1OwnerReference, dependent: KubeObject, client: Client): Promise<OwnerState> {
    const member = this.#memberOf(reference)
    if (member === undefined) return 'solid'
    const { kind, informer } = member
    const { namespace } = dependent.metadata
    if (kind.isNamespaced && namespace === undefined) return 'solid'
    const target = { ...(kind.isNamespaced ? { namespace } : {}), name: reference.name }
    const cached = informer.get(kind.isNamespaced ? `${namespace}/${reference.name}` : reference.name)
    if (cached?.metadata.uid === reference.uid) return stateOfOwner(cached)
    try {
      const fresh = await client.get(kind, target)
      return fresh.metadata.uid === reference.uid ? stateOfOwner(fresh) : 'absent'
    } catch (error) {
      if (isNotFound(error)) return 'absent'
      throw error
    }
  }

  #memberOf({ apiVersion, kind }: MetaV1OwnerReference): Member | undefined {
    const slash = apiVersion.indexOf('/')
    return this.#byKind.get(`${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}`)
  }

  /** An object is gone or about to: its dependents may have to follow. */
  wakeDependents({ metadata }: KubeObject): void {
    for (const { kind, object } of this.dependentsOf(metadata.uid!)) this.#wake(kind, keyOf(object))
  }

  /** An object is gone or has other owners now: one that is being deleted may have waited for just this. */
  #wakeLeavingOwners({ metadata }: KubeObject): void {
    for (const reference of metadata.ownerReferences ?? []) {
      const member = this.#memberOf(reference)
      const key = member?.kind.isNamespaced === true ? `${metadata.namespace}/${reference.name}` : reference.name
      if (member?.informer.get(key)?.metadata.deletionTimestamp !== undefined) this.#wake(member.kind, key)
    }
  }
}

const stateOfOwner = ({ metadata }: KubeObject): OwnerState =>
  metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(foregroundFinalizer) === true ? 'waiting' : 'solid'

async function collect(kind: Kind, object: KubeObject, graph: OwnerGraph, { client }: ReconcileContext): Promise<undefined> {
  const { metadata } = object
  if (metadata.deletionTimestamp !== undefined) {
    // Who the dependents are is known only when every kind has been listed.
    if (!graph.hasSynced) throw new Error('not all kinds are listed yet')
    if (metadata.finalizers?.includes(orphanFinalizer)) await orphanDependents(kind, object, graph, client)
    else if (metadata.finalizers?.includes(foregroundFinalizer)) await deleteDependents(kind, object, graph, client)
    return undefined
  }
  const owners = metadata.ownerReferences ?? []
  if (owners.length === 0) return undefined
  const states = new Map<string, OwnerState>()
  for (const owner of owners) states.set(owner.uid, await graph.stateOf(owner, object, client))

  const plan = planCollection(object, states, [...graph.dependentsOf(metadata.uid!)].length > 0)

  if (plan.action === 'release') await ignoreGone(patchMetadata(kind, object, { ownerReferences: plan.ownerReferences }, client))
  if (plan.action === 'delete') {
    const { propagationPolicy } = plan
    const { uid, resourceVersion } = metadata
    // Exactly what was judged: somebody may have given it another owner meanwhile.
    await ignoreGone(client.delete(kind, targetOf(object), { propagationPolicy, preconditions: { uid, resourceVersion } }))
  }
  return undefined
}

async function orphanDependents(kind: Kind, object: KubeObject, graph: OwnerGraph, client: Client): Promise<void> {
  const dependents = [...graph.dependentsOf(object.metadata.uid!)]
  for (const dependent of dependents) {
    const ownerReferences = dependent.object.metadata.ownerReferences!.filter(({ uid }) => uid !== object.metadata.uid)
    await ignoreGone(patchMetadata(dependent.kind, dependent.object, { ownerReferences }, client))
  }
  await removeFinalizer(kind, object, orphanFinalizer, client)
}

/** Deletes the dependents that have no other owner; when none is left that blocks the owner, lets the owner go. */
async function deleteDependents(kind: Kind, object: KubeObject, graph: OwnerGraph, client: Client): Promise<void> {
  const dependents = [...graph.dependentsOf(object.metadata.uid!)]
  for (const { kind: dependentKind, object: dependent } of dependents) {
    const { deletionTimestamp, uid, ownerReferences } = dependent.metadata
    if (deletionTimestamp !== undefined || ownerReferences!.length > 1) continue
    const propagationPolicy = [...graph.dependentsOf(uid!)].length > 0 ? 'Foreground' : 'Background'
    await ignoreGone(client.delete(dependentKind, targetOf(dependent), { propagationPolicy, preconditions: { uid } }))
  }
  // What has other owners decides for itself, and wakes this one when it has let go.
  if (dependents.some(({ object: dependent }) => dependent.metadata.ownerReferences!.length > 1)) graph.wakeDependents(object)
  const isBlocked = dependents.some(({ object: dependent }) =>
    dependent.metadata.ownerReferences!.some(({ uid, blockOwnerDeletion }) => uid === object.metadata.uid && blockOwnerDeletion === true),
  )
  if (!isBlocked) await removeFinalizer(kind, object, foregroundFinalizer, client)
}

const removeFinalizer = (kind: Kind, object: KubeObject, finalizer: string, client: Client) =>
  ignoreGone(patchMetadata(kind, object, { finalizers: object.metadata.finalizers!.filter((name) => name !== finalizer) }, client))

const targetOf = ({ metadata: { namespace, name } }: KubeObject) => ({ ...(namespace === undefined ? {} : { namespace }), name: name! })

function patchMetadata(kind: Kind, object: KubeObject, change: object, client: Client): Promise<KubeObject> {
  const { uid, resourceVersion } = object.metadata
  return client.patch(kind, targetOf(object), {
    type: 'application/merge-patch+json',
    body: { metadata: { uid, resourceVersion, ...change } },
  })
}
