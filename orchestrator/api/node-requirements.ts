import type { CoreV1Node, CoreV1NodeSelectorTerm, CoreV1Pod } from './generated/kinds.ts'
import { matchesLabels } from './labels.ts'
import type { LabelSelector } from './labels.ts'

type Expression = NonNullable<CoreV1NodeSelectorTerm['matchExpressions']>[number]

const toSelector = (expressions: readonly Expression[] | undefined) =>
  (expressions ?? []).map(({ key, operator, values = [] }) => ({ key, operator, values })) as LabelSelector

/** Whether a node satisfies a term: all its expressions on labels and fields. A term without any matches nothing. */
export function matchesTerm({ matchExpressions = [], matchFields = [] }: CoreV1NodeSelectorTerm, node: CoreV1Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  return (
    matchesLabels(toSelector(matchExpressions), node.metadata.labels) &&
    matchesLabels(toSelector(matchFields), { 'metadata.name': node.metadata.name! })
  )
}

/** Whether a node satisfies what a pod requires of its labels: `nodeSelector` and any term of the required affinity. */
export function matchesNodeRequirements({ spec }: CoreV1Pod, node: CoreV1Node): boolean {
  const labels = node.metadata.labels
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) if (labels?.[key] !== value) return false
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
}
