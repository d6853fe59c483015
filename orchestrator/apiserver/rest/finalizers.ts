import type { CoreV1Namespace } from '../../api/generated/kinds.ts'
import type { KindDeclaration } from '../../api/kind-declaration.ts'
import type { KubeObject } from '../../api/object.ts'
import { resourceOf } from '../admission/admission.ts'

/** How dependents of a removed object are treated. */
export type PropagationPolicy = 'Orphan' | 'Background' | 'Foreground'

/** Finalizers by which the garbage collector learns of the policy. */
export const orphanFinalizer = 'orphan'
export const foregroundFinalizer = 'foregroundDeletion'

/** Kinds whose dependents stay unless the client asks otherwise, as they did before there was garbage collection. */
const orphansByDefault = new Set(['replicationcontrollers', 'jobs.batch'])

/** The finalizers that an object keeps while it is being removed under a policy. */
export function finalizersFor(declaration: KindDeclaration, object: KubeObject, policy: PropagationPolicy | undefined): readonly string[] {
  const present = object.metadata.finalizers ?? []
  const others = present.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer)
  switch (policy) {
    case 'Orphan':
      return [...others, orphanFinalizer]
    case 'Foreground':
      return [...others, foregroundFinalizer]
    case 'Background':
      return others
    default:
      if (others.length < present.length) return present
      return orphansByDefault.has(resourceOf(declaration)) ? [...others, orphanFinalizer] : others
  }
}

/** Whether an object that is being removed has nothing left to wait for. */
export function isReadyToGo(declaration: KindDeclaration, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata
  return (
    deletionTimestamp !== undefined &&
    deletionGracePeriodSeconds === 0 &&
    finalizers.length === 0 &&
    !hasNamespaceFinalizers(declaration, object)
  )
}

/** Namespaces have finalizers of their own in `spec`, which stand for their content. */
export function hasNamespaceFinalizers(declaration: KindDeclaration, object: KubeObject): boolean {
  if (resourceOf(declaration) !== 'namespaces') return false
  return ((object as CoreV1Namespace).spec?.finalizers ?? []).length > 0
}
