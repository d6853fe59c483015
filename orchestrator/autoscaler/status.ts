import { stringify } from 'yaml'
import { toTimestamp } from '../../lib/clock.ts'

/** One group, or all of them, as the status tells it. */
export interface StatusCounts {
  readonly ready: number
  readonly registered: number
  /** Asked for and not there. */
  readonly upcoming: number
}

export interface GroupStatus extends StatusCounts {
  readonly name: string
  readonly target: number
  readonly minSize: number
  readonly maxSize: number
  readonly isBackedOff: boolean
  readonly candidates: number
}

export interface StatusInput {
  readonly now: number
  readonly groups: readonly GroupStatus[]
  /** Nodes outside of groups count for the cluster. */
  readonly cluster: StatusCounts
}

/** When which part of the status last became what it is, by its path. */
export type Transitions = Map<string, { readonly status: string; readonly since: number }>

/** The text of the ConfigMap `cluster-autoscaler-status`, in upstream's form. `transitions` is kept from one to the next. */
export function describeStatus({ now, groups, cluster }: StatusInput, transitions: Transitions): string {
  const part = (path: string, status: string, more: object = {}) => {
    const known = transitions.get(path)
    const since = known?.status === status ? known.since : now
    transitions.set(path, { status, since })
    return { status, ...more, lastProbeTime: toTimestamp(now), lastTransitionTime: toTimestamp(since) }
  }
  const counts = ({ ready, registered, upcoming }: StatusCounts) => ({
    nodeCounts: { registered: { total: registered, ready, notStarted: registered - ready }, longUnregistered: 0, unregistered: upcoming },
  })
  const scaleUp = (each: readonly GroupStatus[]) =>
    each.some(({ upcoming }) => upcoming > 0)
      ? 'InProgress'
      : each.length > 0 && each.every(({ isBackedOff }) => isBackedOff)
        ? 'Backoff'
        : 'NoActivity'
  const candidatesOf = (each: readonly GroupStatus[]) => each.reduce((sum, { candidates }) => sum + candidates, 0)
  const scaleDown = (path: string, each: readonly GroupStatus[]) => {
    const candidates = candidatesOf(each)
    return candidates === 0 ? part(path, 'NoCandidates') : part(path, 'CandidatesPresent', { candidates })
  }
  const health = ({ ready, registered }: StatusCounts) => (ready * 2 >= registered ? 'Healthy' : 'Unhealthy')
  return stringify({
    time: toTimestamp(now),
    autoscalerStatus: 'Running',
    clusterWide: {
      health: part('cluster/health', health(cluster), counts(cluster)),
      scaleUp: part('cluster/up', scaleUp(groups)),
      scaleDown: scaleDown('cluster/down', groups),
    },
    nodeGroups: groups.map((group) => ({
      name: group.name,
      health: part(`${group.name}/health`, health(group), {
        ...counts(group),
        cloudProviderTarget: group.target,
        minSize: group.minSize,
        maxSize: group.maxSize,
      }),
      scaleUp: part(`${group.name}/up`, group.isBackedOff ? 'Backoff' : scaleUp([group])),
      scaleDown: scaleDown(`${group.name}/down`, [group]),
    })),
  })
}
