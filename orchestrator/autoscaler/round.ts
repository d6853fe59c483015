import type { CoreV1Node } from '../api/generated/kinds.ts'
import type { GroupHealth } from './group-health.ts'
import { isNodeReady, isNodeStarting } from './nodes.ts'
import type { CloudProvider, GroupOptions, Instance } from './provider.ts'
import type { GroupState } from './scale-up.plan.ts'
import type { AutoscalerSettings } from './settings.ts'

/** A group in a round. */
export interface GroupRound extends GroupState {
  readonly options: GroupOptions
  readonly registered: number
  readonly ready: number
  /** Why nodes that were asked for will not come. */
  readonly problem: string | undefined
  /** How many of those have no node in the cluster. */
  readonly missing: number
}

/** What a round begins with. */
export interface Round {
  readonly groups: readonly GroupRound[]
  /** The group of each node that has one, by node name. */
  readonly groupOf: ReadonlyMap<string, string>
}

export interface ObserveInput {
  readonly provider: CloudProvider
  readonly nodes: readonly CoreV1Node[]
  readonly settings: AutoscalerSettings
  readonly health: GroupHealth
  readonly now: number
}

/** Asks the provider for its groups, and compares what it promises with the nodes that are there. */
export async function observeGroups({ provider, nodes, settings, health, now }: ObserveInput): Promise<Round> {
  const owners = await Promise.all(nodes.map(async (node) => [node.metadata.name!, await provider.groupOf(node)] as const))
  const groupOf = new Map(owners.filter((owner): owner is [string, string] => owner[1] !== undefined))
  const groups = (await provider.nodeGroups()).map(async (group): Promise<GroupRound> => {
    const members = nodes.filter(({ metadata }) => groupOf.get(metadata.name!) === group.id)
    const [targetSize, instances, template, options] = await Promise.all([
      provider.targetSize(group.id),
      provider.instances(group.id),
      provider.templateNode(group.id),
      provider.options(group.id, settings),
    ])
    const ready = members.filter(isNodeReady)
    const missing = Math.max(0, targetSize - members.length)
    const starting = members.filter((node) => isNodeStarting(node, now, options.maxNodeProvisionMs)).length
    const since = health.observe(group.id, missing, now)
    return {
      ...group,
      targetSize,
      options,
      registered: members.length,
      ready: ready.length,
      upcoming: missing + starting,
      missing,
      template: ready[0] ?? template,
      problem: problemOf(instances, since === undefined ? undefined : now - since, options),
      isBackedOff: health.isBackedOff(group.id, now),
    }
  })
  return { groups: await Promise.all(groups), groupOf }
}

function problemOf(
  instances: readonly Instance[],
  waitingMs: number | undefined,
  { maxNodeProvisionMs }: GroupOptions,
): string | undefined {
  const broken = instances.find(({ error }) => error !== undefined)
  if (broken !== undefined) return broken.error
  if (waitingMs === undefined || waitingMs < maxNodeProvisionMs) return undefined
  return `nodes are not there after ${Math.round(waitingMs / 1000)} s`
}
