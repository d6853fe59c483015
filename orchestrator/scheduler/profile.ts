import type { AnyPlugin, Profile } from './framework.ts'
import { defaultSchedulerName } from './pod-phase.ts'
import { pluginNames, points, registry } from './registry.ts'
import type { PluginArguments, PluginName, PluginServices, Point } from './registry.ts'

/** A plugin at a point; the weight counts where it scores. */
export interface EnabledPlugin {
  readonly name: PluginName
  readonly weight: number
}

/** What a scheduler name stands for. */
export interface ProfileConfiguration {
  readonly schedulerName: string
  /** 0: by the number of nodes. */
  readonly percentageOfNodesToScore: number
  readonly plugins: Readonly<Record<Point, readonly EnabledPlugin[]>>
  readonly args: PluginArguments
}

/** Everything that a configuration file can say. */
export interface SchedulerConfiguration {
  readonly profiles: readonly ProfileConfiguration[]
  readonly podInitialBackoffMs: number
  readonly podMaxBackoffMs: number
}

/** Upstream's default plugins at each of their points. */
export function defaultPlugins(): Record<Point, EnabledPlugin[]> {
  const enabled = pluginNames.map((name): EnabledPlugin => ({ name, weight: registry[name].weight ?? 0 }))
  return Object.fromEntries(points.map((point) => [point, enabled.filter(({ name }) => registry[name].points.includes(point))])) as Record<
    Point,
    EnabledPlugin[]
  >
}

/** One profile with upstream's defaults. */
export const defaultConfiguration = (schedulerName = defaultSchedulerName): SchedulerConfiguration => ({
  profiles: [{ schedulerName, percentageOfNodesToScore: 0, plugins: defaultPlugins(), args: {} }],
  podInitialBackoffMs: 1_000,
  podMaxBackoffMs: 10_000,
})

/** Builds a profile's plugins, each once however many points it is enabled at. */
export function createProfile(configuration: ProfileConfiguration, services: PluginServices): Profile {
  const { schedulerName, percentageOfNodesToScore, plugins, args } = configuration
  const made = new Map<PluginName, AnyPlugin>()
  const plugin = (name: PluginName): AnyPlugin => {
    let found = made.get(name)
    if (found === undefined) made.set(name, (found = registry[name].create(services, args)))
    return found
  }
  const at = (point: Point) => plugins[point].map(({ name }) => plugin(name))
  const preScoring = new Set(plugins.preScore.map(({ name }) => name))
  const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = args.DefaultPreemption ?? {}
  return {
    schedulerName,
    percentageOfNodesToScore,
    preEnqueue: at('preEnqueue'),
    queueSort: at('queueSort')[0]!,
    preFilter: at('preFilter').filter((each) => each.preFilter !== undefined),
    filter: at('filter').filter((each) => each.filter !== undefined),
    preemption: plugins.postFilter.length === 0 ? undefined : { minCandidateNodesPercentage, minCandidateNodesAbsolute },
    score: plugins.score
      .filter(({ name }) => preScoring.has(name))
      .map(({ name, weight }) => ({ plugin: plugin(name), weight }))
      .filter((each) => each.plugin.score !== undefined),
    reserve: at('reserve'),
    bind: at('bind')[0]!,
    plugins: [...made.values()],
  }
}
