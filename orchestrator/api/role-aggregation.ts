import { isDeepStrictEqual } from 'node:util'
import type { RbacV1ClusterRole, RbacV1PolicyRule } from './generated/kinds.ts'
import { matchesLabels, selectorFromObject } from './labels.ts'

/** Whether the rules of a role are those of others: what its own `rules` say counts for nothing. */
export const isAggregated = ({ aggregationRule }: RbacV1ClusterRole): boolean => (aggregationRule?.clusterRoleSelectors ?? []).length > 0

/**
 * What a ClusterRole grants: its own rules or, where it aggregates, those of every role among `roles` that one of its selectors picks, which may
 * be aggregates themselves. Roles count in the order of their names, equal rules once, the role itself never.
 */
export function effectiveRules(role: RbacV1ClusterRole, roles: readonly RbacV1ClusterRole[]): readonly RbacV1PolicyRule[] {
  if (!isAggregated(role)) return role.rules ?? []
  const rules: RbacV1PolicyRule[] = []
  for (const part of partsOf(role, [...roles].sort(byName), new Set()))
    for (const rule of part.rules ?? []) if (!rules.some((known) => isDeepStrictEqual(known, rule))) rules.push(rule)
  return rules
}

const byName = (a: RbacV1ClusterRole, b: RbacV1ClusterRole) => (a.metadata.name! < b.metadata.name! ? -1 : 1)

/** The roles without parts of their own that a role comes down to. */
function* partsOf(role: RbacV1ClusterRole, roles: readonly RbacV1ClusterRole[], seen: Set<string>): Generator<RbacV1ClusterRole> {
  seen.add(role.metadata.name!)
  if (!isAggregated(role)) return yield role
  const selectors = role.aggregationRule!.clusterRoleSelectors!.map(selectorFromObject).filter((selector) => selector !== undefined)
  for (const part of roles) {
    if (seen.has(part.metadata.name!) || !selectors.some((selector) => matchesLabels(selector, part.metadata.labels))) continue
    yield* partsOf(part, roles, seen)
  }
}
