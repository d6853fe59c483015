import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { AppsV1DaemonSet, CoreV1ConfigMap, CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import { isNotFound } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import { createEventRecorder } from '../client/events.ts'
import type { EventRecorder } from '../client/events.ts'
import type { Informer, InformerFactory } from '../client/informer.ts'
import type { Profile } from '../scheduler/framework.ts'
import { isLeaving, isTerminated } from '../scheduler/pod-phase.ts'
import { createProfile, defaultConfiguration } from '../scheduler/profile.ts'
import type { SchedulerConfiguration } from '../scheduler/profile.ts'
import { createPluginServices } from '../scheduler/registry.ts'
import { chooseOption, parsePriorities } from './expander.ts'
import type { Priorities } from './expander.ts'
import { GroupHealth } from './group-health.ts'
import { isNodeReady, isToBeDeleted } from './nodes.ts'
import type { CloudProvider } from './provider.ts'
import { releaseNode, removeNode } from './removal.ts'
import type { RemovalOptions } from './removal.ts'
import { observeGroups } from './round.ts'
import type { GroupRound, Round } from './round.ts'
import { chooseRemovals, planScaleDown } from './scale-down.plan.ts'
import type { ScaleDownCandidate, UnneededNode } from './scale-down.plan.ts'
import { planScaleUp } from './scale-up.plan.ts'
import type { ScaleUpOption, ScaleUpPlan } from './scale-up.plan.ts'
import { defaultSettings } from './settings.ts'
import type { AutoscalerSettings } from './settings.ts'
import { balanceGrowth } from './similar-groups.plan.ts'
import type { Growth } from './similar-groups.plan.ts'
import { Simulation } from './simulation.ts'
import { describeStatus } from './status.ts'
import type { Transitions } from './status.ts'

const namespace = 'kube-system'
const statusName = 'cluster-autoscaler-status'
const priorityName = 'cluster-autoscaler-priority-expander'
/** Without a change of substance the status is written this often. */
const statusMs = 60_000
/** What is still so is said again after this long. */
const repeatMs = 300_000
/** Pods that find no node begin a round early, but not sooner after the last one than this. */
const pauseMs = 1_000

export interface AutoscalerOptions {
  readonly client: Client
  /** Run by the caller. */
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly provider: CloudProvider
  readonly settings?: Partial<AutoscalerSettings>
  /** The scheduler's; its first profile's filters say what fits. */
  readonly scheduling?: SchedulerConfiguration
}

/** Adds nodes for pods that fit nowhere and takes those away that nobody needs. */
export interface ClusterAutoscaler {
  /** Works until `signal` aborts, then resolves once removals under way have been given up. */
  run(signal: AbortSignal): Promise<void>
}

export function createClusterAutoscaler(options: AutoscalerOptions): ClusterAutoscaler {
  return new AutoscalingLoop(options)
}

class AutoscalingLoop implements ClusterAutoscaler {
  readonly #options: AutoscalerOptions
  readonly #settings: AutoscalerSettings
  readonly #log: Log
  readonly #events: EventRecorder
  readonly #profile: Profile
  readonly #health: GroupHealth
  readonly #nodes: Informer<CoreV1Node>
  readonly #pods: Informer<CoreV1Pod>
  readonly #daemonSets: Informer<AppsV1DaemonSet>
  readonly #budgets: Informer<PolicyV1PodDisruptionBudget>
  readonly #configMaps: Informer<CoreV1ConfigMap>
  readonly #unneededSince = new Map<string, number>()
  readonly #removals = new Map<string, Promise<void>>()
  readonly #transitions: Transitions = new Map()
  /** How many nodes this round has asked for, by group. */
  readonly #grown = new Map<string, number>()
  /** What pods that no group would help were told last. */
  readonly #told = new Map<string, { readonly message: string; readonly at: number }>()
  #lastAddAt = -Infinity
  #lastFailureAt = -Infinity
  #statusAt = -Infinity
  #statusText = ''
  #wake: (() => void) | undefined

  constructor(options: AutoscalerOptions) {
    const { informers, scheduling = defaultConfiguration() } = options
    this.#options = options
    this.#settings = { ...defaultSettings, ...options.settings }
    this.#log = options.log.child({ component: 'cluster-autoscaler' })
    this.#events = createEventRecorder({ ...options, component: 'cluster-autoscaler' })
    this.#profile = createProfile(scheduling.profiles[0]!, createPluginServices(options))
    this.#health = new GroupHealth(this.#settings)
    this.#nodes = informers.informer(CoreV1Node)
    this.#pods = informers.informer(CoreV1Pod)
    this.#daemonSets = informers.informer(AppsV1DaemonSet)
    this.#budgets = informers.informer(PolicyV1PodDisruptionBudget)
    this.#configMaps = informers.informer(CoreV1ConfigMap, { namespace })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, provider } = this.#options
    const caches = [this.#nodes, this.#pods, this.#daemonSets, this.#budgets, this.#configMaps]
    try {
      await Promise.all(caches.map((informer) => informer.waitForSync(signal)))
    } catch {
      return
    }
    const unsubscribe = this.#pods.onChange({ updated: (pod) => isUnschedulable(pod) && this.#wake?.() })
    await this.#releaseMarked()
    while (!signal.aborted) {
      try {
        await this.#round(signal)
      } catch (error) {
        if (!signal.aborted) this.#log.warn({ err: error }, 'autoscaling round failed')
      }
      await clock.sleep(Math.min(pauseMs, this.#settings.scanIntervalMs), signal)
      await this.#pause(signal)
    }
    unsubscribe()
    await Promise.allSettled(this.#removals.values())
    await provider.cleanup().catch((error: unknown) => this.#log.warn({ err: error }, 'cloud provider not closed'))
    await this.#events.flush()
  }

  /** What an autoscaler that was killed had marked is used again; it is marked anew when it isn't needed. */
  async #releaseMarked(): Promise<void> {
    for (const node of this.#nodes.list()) if (isToBeDeleted(node)) await releaseNode(this.#options.client, node.metadata.name!)
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (this.#unschedulable().some((pod) => !this.#seen.has(pod.metadata.uid!))) woken.abort()
    await this.#options.clock.sleep(this.#settings.scanIntervalMs - pauseMs, AbortSignal.any([signal, woken.signal]))
    this.#wake = undefined
  }

  /** The pods of the last round: only others make the next one come early. */
  #seen: ReadonlySet<string> = new Set()

  #unschedulable(): CoreV1Pod[] {
    const { expendablePodsPriorityCutoff } = this.#settings
    return [...this.#pods.list()].filter((pod) => isUnschedulable(pod) && (pod.spec.priority ?? 0) >= expendablePodsPriorityCutoff)
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { clock, provider } = this.#options
    await provider.refresh()
    this.#grown.clear()
    const pods = this.#unschedulable()
    this.#seen = new Set(pods.map(({ metadata }) => metadata.uid!))
    const now = clock.now()
    const nodes = [...this.#nodes.list()]
    const round = await this.#giveUp(await observeGroups({ provider, nodes, settings: this.#settings, health: this.#health, now }), now)
    const isGrowing = await this.#scaleUp(round, pods, now)
    const unneeded = isGrowing ? this.#forgetUnneeded() : this.#scaleDown(round, now, signal)
    await this.#writeStatus(round, unneeded, now)
  }

  /** Nodes that were asked for and can't, or don't, come: their group rests for a while. */
  async #giveUp(round: Round, now: number): Promise<Round> {
    const groups = round.groups.map(async (group): Promise<GroupRound> => {
      const { id, problem, missing, targetSize, upcoming } = group
      if (problem === undefined) return group
      this.#health.failed(id, now)
      this.#warnOfGroup(id, problem)
      if (missing > 0) await this.#options.provider.decreaseTargetSize(id, missing)
      return { ...group, targetSize: targetSize - missing, upcoming: upcoming - missing, missing: 0, isBackedOff: true }
    })
    return { ...round, groups: await Promise.all(groups) }
  }

  #warnOfGroup(group: string, problem: string): void {
    this.#log.warn({ group, problem }, 'scale-up failed')
    this.#events.event(statusReference, 'Warning', 'FailedToScaleUpGroup', `Scale-up failed for group ${group}: ${problem}`)
  }

  #simulate(isThere: (node: CoreV1Node) => boolean, pods: Iterable<CoreV1Pod> = this.#pods.list()): Simulation {
    return new Simulation({
      nodes: [...this.#nodes.list()].filter(isThere),
      pods,
      daemonSets: this.#daemonSets.list(),
      profile: this.#profile,
    })
  }

  readonly #isStaying = ({ metadata }: CoreV1Node) => !this.#removals.has(metadata.name!)

  /** Whether a node can go that has exactly these pods; why not. */
  #judge(candidate: ScaleDownCandidate, pods: readonly CoreV1Pod[]): UnneededNode | string {
    const name = candidate.node.metadata.name!
    const others = [...this.#pods.list()].filter(({ spec }) => spec.nodeName !== name)
    const simulation = this.#simulate((node) => this.#isStaying(node) || node.metadata.name === name, [...others, ...pods])
    const input = { simulation, candidates: [candidate], budgets: [...this.#budgets.list()], settings: this.#settings }
    const { unneeded, needed } = planScaleDown(input)
    return unneeded[0] ?? needed.get(name) ?? 'NodeGone'
  }

  /** Answers whether nodes are on their way. */
  async #scaleUp({ groups }: Round, pods: readonly CoreV1Pod[], now: number): Promise<boolean> {
    for (const group of groups) {
      const short = group.minSize - group.targetSize
      if (short > 0 && !group.isBackedOff) await this.#grow({ group, nodes: short }, now)
    }
    if (pods.length > 0) {
      const plan = planScaleUp(
        this.#simulate((node) => isNodeReady(node) && this.#isStaying(node)),
        pods,
        groups,
      )
      this.#reportHopeless(plan, now)
      const best = chooseOption(plan.options, this.#settings.expanders, { random: this.#options.random, priorities: this.#priorities() })
      if (best !== undefined) await this.#growFor(best, plan.options, now)
      if (best !== undefined || plan.waiting.length > 0) return true
    }
    return groups.some(({ upcoming }) => upcoming > 0)
  }

  async #growFor(best: ScaleUpOption, options: readonly ScaleUpOption[], now: number): Promise<void> {
    const { balancing } = this.#settings
    const growths = balancing === undefined ? [best] : balanceGrowth(best, options, balancing.ignoredLabels)
    const changes: string[] = []
    for (const growth of growths) changes.push(...(await this.#grow(growth, now)))
    if (changes.length === 0) return
    const message = `pod triggered scale-up: [${changes.join(' ')}]`
    for (const pod of best.pods) this.#events.event(pod, 'Normal', 'TriggeredScaleUp', message)
  }

  /** Answers what has changed; nothing where the provider refuses. */
  async #grow({ group, nodes: delta }: Growth, now: number): Promise<readonly string[]> {
    const { id, targetSize, maxSize } = group
    try {
      await this.#options.provider.increaseSize(id, delta)
    } catch (error) {
      this.#health.failed(id, now)
      this.#warnOfGroup(id, (error as Error).message)
      return []
    }
    this.#health.asked(id, now)
    this.#grown.set(id, (this.#grown.get(id) ?? 0) + delta)
    this.#lastAddAt = now
    const after = targetSize + delta
    this.#log.info({ group: id, from: targetSize, to: after }, 'scale-up')
    this.#events.event(
      statusReference,
      'Normal',
      'ScaledUpGroup',
      `Scale-up: group ${id} size set to ${after} instead of ${targetSize} (max: ${maxSize})`,
    )
    return [`{${id} ${targetSize}->${after} (max: ${maxSize})}`]
  }

  /** Each pod is told what there is to say once, and again where it is something else or a while has passed. */
  #reportHopeless({ hopeless }: ScaleUpPlan, now: number): void {
    const told = new Map(this.#told)
    this.#told.clear()
    for (const { pod, reasons } of hopeless) {
      const texts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort()
      const message = texts.length === 0 ? "pod didn't trigger scale-up" : `pod didn't trigger scale-up: ${texts.join(', ')}`
      const before = told.get(pod.metadata.uid!)
      const isNews = before?.message !== message || now - before.at >= repeatMs
      if (isNews) this.#events.event(pod, 'Normal', 'NotTriggerScaleUp', message)
      this.#told.set(pod.metadata.uid!, isNews ? { message, at: now } : before)
    }
  }

  #priorities(): Priorities {
    const text = this.#configMaps.get(`${namespace}/${priorityName}`)?.data?.['priorities']
    try {
      return text === undefined ? [] : parsePriorities(text)
    } catch (error) {
      this.#log.warn({ err: error }, 'the priorities of groups can not be used')
      return []
    }
  }

  #forgetUnneeded(): readonly UnneededNode[] {
    this.#unneededSince.clear()
    return []
  }

  #scaleDown(round: Round, now: number, signal: AbortSignal): readonly UnneededNode[] {
    const { scaleDownDelayAfterAddMs, scaleDownDelayAfterFailureMs } = this.#settings
    const spare = new Map(round.groups.map(({ id, minSize, targetSize }) => [id, targetSize - minSize - this.#leaving(round, id)]))
    const candidates = this.#candidates(round, spare)
    const budgets = [...this.#budgets.list()]
    const { unneeded, needed } =
      candidates.length === 0
        ? { unneeded: [], needed: new Map<string, string>() }
        : planScaleDown({ simulation: this.#simulate(this.#isStaying), candidates, budgets, settings: this.#settings })
    if (needed.size > 0) this.#log.debug({ needed: Object.fromEntries(needed) }, 'nodes that stay')
    const names = new Set(unneeded.map(({ node }) => node.metadata.name!))
    for (const name of this.#unneededSince.keys()) if (!names.has(name)) this.#unneededSince.delete(name)
    for (const name of names) if (!this.#unneededSince.has(name)) this.#unneededSince.set(name, now)
    const isTooEarly = now - this.#lastAddAt < scaleDownDelayAfterAddMs || now - this.#lastFailureAt < scaleDownDelayAfterFailureMs
    if (!isTooEarly) {
      const removals = chooseRemovals({ unneeded, since: this.#unneededSince, spare, settings: this.#settings, now })
      // Whose pods have to move goes alone.
      const isBusy = this.#removals.size > 0
      for (const removal of removals) if (!isBusy || removal.pods.length === 0) this.#remove(removal, signal)
    }
    return unneeded
  }

  #leaving({ groupOf }: Round, group: string): number {
    return [...this.#removals.keys()].filter((name) => groupOf.get(name) === group).length
  }

  #candidates({ groups, groupOf }: Round, spare: ReadonlyMap<string, number>): ScaleDownCandidate[] {
    const byId = new Map(groups.map((group): [string, GroupRound] => [group.id, group]))
    return [...this.#nodes.list()].flatMap((node) => {
      const name = node.metadata.name!
      const group = byId.get(groupOf.get(name) ?? '')
      if (group === undefined || this.#removals.has(name) || (spare.get(group.id) ?? 0) <= 0) return []
      return [{ node, group: group.id, options: group.options }]
    })
  }

  #remove(unneeded: UnneededNode, signal: AbortSignal): void {
    const { maxGracefulTerminationMs } = this.#settings
    const name = unneeded.node.metadata.name!
    const isEmpty = unneeded.pods.length === 0
    const what = isEmpty ? `empty node ${name}` : `node ${name} removed with drain`
    this.#log.info({ node: name, group: unneeded.group, pods: unneeded.pods.length }, 'scale-down')
    this.#events.event(statusReference, 'Normal', isEmpty ? 'ScaleDownEmpty' : 'ScaleDown', `Scale-down: removing ${what}`)
    const judge: RemovalOptions['judge'] = (candidate, pods) => this.#judge(candidate, pods)
    const work = removeNode(unneeded, { ...this.#options, events: this.#events, judge, maxGracefulTerminationMs, signal })
      .catch((error: unknown) => {
        this.#lastFailureAt = this.#options.clock.now()
        if (!signal.aborted) this.#log.warn({ err: error, node: name }, 'node not removed')
      })
      .finally(() => {
        this.#removals.delete(name)
        this.#unneededSince.delete(name)
      })
    this.#removals.set(name, work)
  }

  async #writeStatus(round: Round, unneeded: readonly UnneededNode[], now: number): Promise<void> {
    const nodes = [...this.#nodes.list()]
    const groups = round.groups.map((group) => {
      const { id, minSize, maxSize, ready, registered } = group
      const more = this.#grown.get(id) ?? 0
      return {
        name: id,
        target: group.targetSize + more,
        minSize,
        maxSize,
        ready,
        registered,
        upcoming: group.upcoming + more,
        isBackedOff: this.#health.isBackedOff(id, now),
        candidates: unneeded.filter((each) => each.group === id).length,
      }
    })
    const upcoming = groups.reduce((sum, each) => sum + each.upcoming, 0)
    const cluster = { ready: nodes.filter(isNodeReady).length, registered: nodes.length, upcoming }
    const substance = JSON.stringify([groups, cluster])
    if (substance === this.#statusText && now - this.#statusAt < statusMs) return
    const status = describeStatus({ now, groups, cluster }, this.#transitions)
    await writeConfigMap(this.#options.client, status, now)
    this.#statusText = substance
    this.#statusAt = now
  }
}

const statusReference = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: statusName }

/** Whether the scheduler found no node for a pod, and is not about to make room for it. */
const isUnschedulable = (pod: CoreV1Pod) =>
  pod.spec.nodeName === undefined &&
  !isLeaving(pod) &&
  !isTerminated(pod) &&
  (pod.status?.nominatedNodeName ?? '') === '' &&
  pod.status?.conditions?.some(
    ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
  ) === true

async function writeConfigMap(client: Client, status: string, now: number): Promise<void> {
  const key = { namespace, name: statusName }
  const annotations = { 'cluster-autoscaler.kubernetes.io/last-updated': new Date(now).toISOString() }
  const body = { metadata: { annotations }, data: { status } }
  try {
    await client.patch(CoreV1ConfigMap, key, { type: 'application/merge-patch+json', body })
  } catch (error) {
    if (!isNotFound(error)) throw error
    await client.create(CoreV1ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...key, annotations }, data: { status } })
  }
}
