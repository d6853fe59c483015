import type { MetaV1OwnerReference } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'

/** How an owner stands: there, there but waiting for its dependents to go, or gone. */
export type OwnerState = 'solid' | 'waiting' | 'absent'

/** What to do with an object that has owners. */
export type CollectPlan =
  | { readonly action: 'keep' }
  | { readonly action: 'release'; readonly ownerReferences: readonly MetaV1OwnerReference[] }
  | { readonly action: 'delete'; readonly propagationPolicy: 'Orphan' | 'Background' | 'Foreground' }

/** Decides by the states of the owners: one that is solid keeps the object (and the references to others go); without any it is deleted. */
export function planCollection(object: KubeObject, states: ReadonlyMap<string, OwnerState>, hasDependents: boolean): CollectPlan {
  const owners = object.metadata.ownerReferences ?? []
  const solid = owners.filter(({ uid }) => states.get(uid) === 'solid')
  if (owners.length === 0 || solid.length === owners.length) return { action: 'keep' }
  if (solid.length > 0) return { action: 'release', ownerReferences: solid }
  const isAwaited = owners.some(({ uid }) => states.get(uid) === 'waiting')
  if (isAwaited && hasDependents) return { action: 'delete', propagationPolicy: 'Foreground' }
  return { action: 'delete', propagationPolicy: policyOf(object) }
}

/** A policy that somebody asked for before, by finalizer, stays in force. */
function policyOf({ metadata }: KubeObject): 'Orphan' | 'Background' | 'Foreground' {
  if (metadata.finalizers?.includes('orphan')) return 'Orphan'
  return metadata.finalizers?.includes('foregroundDeletion') ? 'Foreground' : 'Background'
}
