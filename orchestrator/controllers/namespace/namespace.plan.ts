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
export const isEmpty = ({ remaining, discoveryFailures, deletionFailures }: NamespaceContent) =>
  remaining.size === 0 && discoveryFailures.length === 0 && deletionFailures.length === 0

type Finding = Pick<CoreV1NamespaceCondition, 'status' | 'reason' | 'message'>

const allWell = (reason: string, message: string): Finding => ({ status: 'False', reason, message })
const trouble = (reason: string, message: string): Finding => ({ status: 'True', reason, message })
const counted = (counts: ReadonlyMap<string, number>, word: string) =>
  [...counts]
    .map(([name, count]) => `${name} ${word} ${count} resource instances`)
    .sort()
    .join(', ')

/** The five conditions of a terminating namespace, in upstream's order and words. */
const conditionTypes: Readonly<Record<string, (content: NamespaceContent) => Finding>> = {
  NamespaceDeletionDiscoveryFailure: ({ discoveryFailures: failures }) =>
    failures.length === 0
      ? allWell('ResourcesDiscovered', 'All resources successfully discovered')
      : trouble(
          'DiscoveryFailed',
          `Discovery failed for some groups, ${failures.length} failing: unable to retrieve the complete list of server APIs: ${failures.join(', ')}`,
        ),
  NamespaceDeletionGroupVersionParsingFailure: () => allWell('ParsedGroupVersions', 'All legacy kube types successfully parsed'),
  NamespaceDeletionContentFailure: ({ deletionFailures: failures }) =>
    failures.length === 0
      ? allWell('ContentDeleted', 'All content successfully deleted, may be waiting on finalization')
      : trouble('ContentDeletionFailed', `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`),
  NamespaceContentRemaining: ({ remaining }) =>
    remaining.size === 0
      ? allWell('ContentRemoved', 'All content successfully removed')
      : trouble('SomeResourcesRemain', `Some resources are remaining: ${counted(remaining, 'has')}`),
  NamespaceFinalizersRemaining: ({ finalizers }) =>
    finalizers.size === 0
      ? allWell('ContentHasNoFinalizers', 'All content-preserving finalizers finished')
      : trouble('SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${counted(finalizers, 'in')}`),
}

/** The namespace's conditions after a look through it. The same list comes back when nothing changes. */
export function planNamespaceConditions(
  previous: readonly CoreV1NamespaceCondition[],
  content: NamespaceContent,
  now: number,
): readonly CoreV1NamespaceCondition[] {
  let conditions = previous
  for (const [type, judge] of Object.entries(conditionTypes)) conditions = withCondition(conditions, { type, ...judge(content) }, now)
  return conditions
}
