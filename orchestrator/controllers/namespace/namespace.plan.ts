import type { CoreV1NamespaceCondition } from '../../api/generated/kinds.ts'
import { withCondition } from '../conditions.ts'

/** What a look through a namespace that is being deleted found. */
export interface NamespaceContent {
  /** `pods.` or `deployments.apps`, with how many of each are left. */
  readonly remaining: ReadonlyMap<string, number>
  /** Finalizers on what is left, with how many objects wait for each. */
  readonly finalizers: ReadonlyMap<string, number>
  readonly discoveryFailures: readonly string[]
  readonly deletionFailures: readonly string[]
}

/** Whether nothing is left, and it is sure that nothing was overlooked. */
export const isEmpty = ({ remaining, discoveryFailures, deletionFailures }: NamespaceContent) => remaining.size === 0 && discoveryFailures.length === 0 && deletionFailures.length === 0

/** The five conditions of a terminating namespace in upstream's words. */
export function planNamespaceConditions(previous: readonly CoreV1NamespaceCondition[], content: NamespaceContent, now: number): readonly CoreV1NamespaceCondition[] {
  const { remaining, finalizers, discoveryFailures, deletionFailures } = content
  const counted = (counts: ReadonlyMap<string, number>, word: string) => [...counts].map(([name, count]) => `${name} ${word} ${count} resource instances`).sort().join(', ')
  const findings: CoreV1NamespaceCondition[] = [
    discoveryFailures.length === 0
      ? { type: 'NamespaceDeletionDiscoveryFailure', status: 'False', reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' }
      : { type: 'NamespaceDeletionDiscoveryFailure', status: 'True', reason: 'DiscoveryFailed', message: `Discovery failed for some groups, ${discoveryFailures.length} failing: unable to retrieve the complete list of server APIs: ${discoveryFailures.join(', ')}` },
    { type: 'NamespaceDeletionGroupVersionParsingFailure', status: 'False', reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    deletionFailures.length === 0
      ? { type: 'NamespaceDeletionContentFailure', status: 'False', reason: 'ContentDeleted', message: 'All content successfully deleted, may be waiting on finalization' }
      : { type: 'NamespaceDeletionContentFailure', status: 'True', reason: 'ContentDeletionFailed', message: `Failed to delete all resource types, ${deletionFailures.length} remaining: ${deletionFailures.join(', ')}` },
    remaining.size === 0
      ? { type: 'NamespaceContentRemaining', status: 'False', reason: 'ContentRemoved', message: 'All content successfully removed' }
      : { type: 'NamespaceContentRemaining', status: 'True', reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${counted(remaining, 'has')}` },
    finalizers.size === 0
      ? { type: 'NamespaceFinalizersRemaining', status: 'False', reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' }
      : { type: 'NamespaceFinalizersRemaining', status: 'True', reason: 'SomeFinalizersRemain', message: `Some content in the namespace has finalizers remaining: ${counted(finalizers, 'in')}` },
  ]
  return findings.reduce((conditions, finding) => withCondition(conditions, finding, now), previous)
}
