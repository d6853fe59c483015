import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Namespace, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { KindDeclaration } from '../../api/kind-declaration.ts'
import type { KubeObject } from '../../api/object.ts'
import { conflict, notFound } from '../../api/status-error.ts'
import { isStoreError } from '../../store/store.ts'
import { admitAll, resourceOf, undoAll } from '../admission/admission.ts'
import { copyJson, isSameJson } from './copy.ts'
import { type Core, type Target, translateStoreError } from './core.ts'
import type { WriteContext } from './create.ts'
import { finalizersFor, hasNamespaceFinalizers, type PropagationPolicy } from './finalizers.ts'
import type { Presented } from './kind-view.ts'

/** What a client may ask of a removal; the body of a DELETE. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: PropagationPolicy
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

/** `isGone` is false while finalizers, content or a grace period keep the object; `last` is its newest version. */
export interface Removal {
  readonly isGone: boolean
  readonly last: Presented
}

const defaultPodGraceSeconds = 30

/** Removes an object, or marks it so that whoever it waits for can finish. */
export async function deleteObject(core: Core, target: Target, options: DeleteOptions & WriteContext): Promise<Removal> {
  const { view } = target
  const key = view.keyOf(target.namespace, target.name)
  for (;;) {
    const entry = core.store.get(key)
    if (entry === undefined) throw notFound(view.declaration.kind, target.name)
    const current = view.present(entry)
    checkPreconditions(target, current.object, options)
    await admitDelete(core, target, current.object, options)
    const marked = mark(view.declaration, current.object, options, core.clock.now())
    try {
      if (marked === undefined) {
        if (options.isDryRun) return { isGone: true, last: current }
        return { isGone: true, last: view.present(await core.store.delete(key, entry.revision)) }
      }
      if (isSameJson(marked, current.object)) return { isGone: false, last: current }
      if (options.isDryRun) return { isGone: false, last: { object: marked, bytes: Buffer.from(JSON.stringify(marked)) } }
      return { isGone: false, last: view.present(await core.store.put(key, view.toStored(marked), entry.revision)) }
    } catch (error) {
      // Somebody else changed it in between: decide again on what is there now.
      if (!isStoreError(error, 'conflict')) throw translateStoreError(error)
    }
  }
}

function checkPreconditions({ view, name }: Target, object: KubeObject, { preconditions }: DeleteOptions): void {
  const { uid, resourceVersion } = preconditions ?? {}
  const refuse = (what: string, wanted: string, found: string | undefined) =>
    conflict(view.declaration.kind, name, `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`)
  if (uid !== undefined && uid !== object.metadata.uid) throw refuse('UID', uid, object.metadata.uid)
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion)
    throw refuse('ResourceVersion', resourceVersion, object.metadata.resourceVersion)
}

async function admitDelete(core: Core, target: Target, previous: KubeObject, { user, isDryRun, warnings }: WriteContext): Promise<void> {
  const attributes = {
    operation: 'DELETE' as const,
    declaration: target.view.declaration,
    namespace: target.namespace,
    name: target.name,
    subresource: '',
    previous,
    user,
    isDryRun,
    warnings,
    undo: [],
  }
  await admitAll(core.admission, attributes)
  undoAll(attributes)
}

/** The version that stays while the removal is under way; `undefined` when nothing keeps the object. */
function mark(declaration: KindDeclaration, object: KubeObject, options: DeleteOptions, now: number): KubeObject | undefined {
  const finalizers = finalizersFor(declaration, object, options.propagationPolicy)
  const graceSeconds = graceOf(declaration, object, options)
  const isKept = finalizers.length > 0 || graceSeconds > 0 || hasNamespaceFinalizers(declaration, object)
  if (!isKept) return undefined
  const marked = copyJson(object)
  const meta = marked.metadata
  if (finalizers.length > 0) meta.finalizers = [...finalizers]
  else delete meta.finalizers
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata
  if (deletionTimestamp === undefined) {
    meta.deletionTimestamp = toTimestamp(now + graceSeconds * 1000)
    meta.deletionGracePeriodSeconds = graceSeconds
    if (meta.generation !== undefined) meta.generation++
  } else if (graceSeconds < deletionGracePeriodSeconds) {
    // A second request may only shorten the time that is left.
    meta.deletionTimestamp = toTimestamp(fromTimestamp(deletionTimestamp)! - (deletionGracePeriodSeconds - graceSeconds) * 1000)
    meta.deletionGracePeriodSeconds = graceSeconds
  }
  if (resourceOf(declaration) === 'namespaces') {
    const namespace = marked as CoreV1Namespace
    namespace.status = { ...namespace.status, phase: 'Terminating' }
  }
  return marked
}

/** How long the object stays for its owner to wind down: pods only, and of those only the ones that a node has. */
function graceOf(declaration: KindDeclaration, object: KubeObject, { gracePeriodSeconds }: DeleteOptions): number {
  if (resourceOf(declaration) !== 'pods') return 0
  const { spec, status, metadata } = object as CoreV1Pod
  const isRunning = Boolean(spec?.nodeName) && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
  if (gracePeriodSeconds === undefined) {
    // Asking again without a time leaves the running one as it is.
    if (metadata.deletionTimestamp !== undefined) return metadata.deletionGracePeriodSeconds ?? 0
    return isRunning ? (spec?.terminationGracePeriodSeconds ?? defaultPodGraceSeconds) : 0
  }
  if (!isRunning) return 0
  return gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds
}
