import { isDeepStrictEqual } from 'node:util'
import { RbacV1ClusterRole } from '../../api/generated/kinds.ts'
import { effectiveRules, isAggregated } from '../../api/role-aggregation.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'

/** Writes what an aggregated ClusterRole grants into its `rules`, for people and tools to read: the API server decides by the same function. */
export function createClusterRoleAggregationController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<RbacV1ClusterRole> {
  const roles = informers.informer(RbacV1ClusterRole)
  const aggregates = () => [...roles.list()].filter(isAggregated).map(({ metadata }) => metadata.name!)
  return {
    name: 'clusterrole-aggregation',
    for: RbacV1ClusterRole,
    watches: [watch(RbacV1ClusterRole, aggregates)],
    async reconcile(role, { client }) {
      if (!isAggregated(role) || role.metadata.deletionTimestamp !== undefined) return undefined
      const rules = effectiveRules(role, [...roles.list()])
      if (isDeepStrictEqual(role.rules ?? [], rules)) return undefined
      // A PUT would bring a role back that somebody removed meanwhile.
      const { name, uid, resourceVersion } = role.metadata
      await client.patch(
        RbacV1ClusterRole,
        { name: name! },
        { type: 'application/merge-patch+json', body: { metadata: { uid, resourceVersion }, rules } },
      )
      return undefined
    },
  }
}
