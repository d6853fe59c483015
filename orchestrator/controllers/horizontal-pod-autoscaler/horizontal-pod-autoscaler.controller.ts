import { isDeepStrictEqual } from 'node:util'
import { toTimestamp } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import { AutoscalingV2HorizontalPodAutoscaler, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { AutoscalingV2HorizontalPodAutoscalerStatus, AutoscalingV2MetricStatus } from '../../api/generated/kinds.ts'
import { matchesLabels, parseLabelSelector } from '../../api/labels.ts'
import type { LabelSelector } from '../../api/labels.ts'
import { keyOf } from '../../api/object.ts'
import { isConflict, isNotFound } from '../../api/status-error.ts'
import { milliValueOf } from '../../api/quantity.ts'
import type { Client } from '../../client/client.ts'
import type { InformerFactory } from '../../client/informer.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { podIndexes } from '../pod-state.ts'
import { messageOf } from '../refusal.ts'
import { setConditions } from './autoscaler-status.plan.ts'
import type { ConditionType } from './autoscaler-status.plan.ts'
import { normalize, remember } from './behavior.plan.ts'
import type { Finding, ScalingHistory } from './behavior.plan.ts'
import { createMetricsClient } from './metrics-client.ts'
import { MetricFailure, proposeReplicas } from './metric-proposal.ts'
import type { MetricProposal } from './metric-proposal.ts'
import { RepeatedWarnings } from './repeated-warnings.ts'
import { readTarget, writeScale } from './scale-target.ts'
import type { ScaleTarget } from './scale-target.ts'

/** Upstream's defaults. */
const defaultSyncPeriodMs = 15_000
const defaultDownscaleStabilizationMs = 300_000
const defaultCpuInitializationPeriodMs = 300_000
const defaultInitialReadinessDelayMs = 30_000
const defaultTolerance = 0.1
/** Its own writes wake an autoscaler again: a run so soon after a run, with nothing changed by the user, has nothing to add. */
const echoMs = 500

/** In the place of a metric that could not be computed: clients read the list by position. */
const noStatus: AutoscalingV2MetricStatus = { type: '' }

/** How autoscalers behave where they don't say themselves. */
export interface AutoscalerTuning {
  readonly syncPeriodMs?: number
  readonly downscaleStabilizationMs?: number
  readonly cpuInitializationPeriodMs?: number
  readonly initialReadinessDelayMs?: number
  readonly tolerance?: number
}

export interface AutoscalerOptions extends AutoscalerTuning {
  readonly client: Client
  readonly informers: InformerFactory
  readonly clock: Clock
}

/** The autoscalers' controller, and who is interested in which pod's samples. */
export interface AutoscalerController {
  readonly declaration: ControllerDeclaration<AutoscalingV2HorizontalPodAutoscaler>
  /** Keys of the autoscalers whose target selects the pod. */
  readonly autoscalersOf: (pod: CoreV1Pod) => Iterable<string>
  /** Keys of the autoscalers that look at figures which are no pod's: of other objects, and external ones. */
  readonly autoscalersOfTotals: () => Iterable<string>
}

/** What is kept of an autoscaler between runs. */
interface Memory {
  readonly history: ScalingHistory
  readonly selector?: LabelSelector
}

/** The last run of an autoscaler. */
interface Run {
  readonly at: number
  readonly generation: number | undefined
}

/** One run's findings, put into the status whatever comes of it. */
interface Report {
  readonly conditions: Map<ConditionType, Finding>
  currentReplicas?: number
  desiredReplicas?: number
  currentMetrics?: readonly AutoscalingV2MetricStatus[]
  hasScaled?: boolean
}

type Autoscaler = AutoscalingV2HorizontalPodAutoscaler

/** Keeps the size of each autoscaler's target where its metrics are at their target values. */
export function createAutoscalerController(options: AutoscalerOptions): AutoscalerController {
  const autoscalers = new AutoscalerLoop(options)
  return {
    autoscalersOf: (pod) => autoscalers.keysOf(pod),
    autoscalersOfTotals: () => autoscalers.keysOfTotals(),
    declaration: {
      name: 'horizontal-pod-autoscaler',
      for: AutoscalingV2HorizontalPodAutoscaler,
      watches: [{ kind: CoreV1Pod, toKeys: () => [] }],
      reconcile: (autoscaler, context) => autoscalers.reconcile(autoscaler, context),
    },
  }
}

class AutoscalerLoop {
  readonly #options: AutoscalerOptions
  readonly #pods
  readonly #autoscalers
  readonly #metrics
  readonly #warnings
  readonly #memories = new Map<string, Memory>()
  readonly #runs = new Map<string, Run>()

  constructor(options: AutoscalerOptions) {
    this.#options = options
    this.#warnings = new RepeatedWarnings(options.syncPeriodMs ?? defaultSyncPeriodMs)
    this.#pods = options.informers.informer(CoreV1Pod, { indexes: podIndexes })
    this.#metrics = createMetricsClient(options.client, options.clock)
    this.#autoscalers = options.informers.informer(AutoscalingV2HorizontalPodAutoscaler)
    this.#autoscalers.onChange({
      deleted: (autoscaler) => {
        this.#memories.delete(keyOf(autoscaler))
        this.#runs.delete(keyOf(autoscaler))
        this.#warnings.forget(keyOf(autoscaler))
      },
    })
  }

  *keysOf(pod: CoreV1Pod): Iterable<string> {
    for (const [key, { selector }] of this.#memories) {
      if (key.startsWith(`${pod.metadata.namespace}/`) && selector !== undefined && matchesLabels(selector, pod.metadata.labels)) yield key
    }
  }

  *keysOfTotals(): Iterable<string> {
    for (const autoscaler of this.#autoscalers.list()) {
      if ((autoscaler.spec.metrics ?? []).some(({ type }) => type === 'Object' || type === 'External')) yield keyOf(autoscaler)
    }
  }

  async reconcile(autoscaler: Autoscaler, given: ReconcileContext): Promise<{ readonly requeueAfterMs: number }> {
    if (autoscaler.metadata.deletionTimestamp !== undefined || this.#isEcho(autoscaler, given.now)) return this.#nextSync()
    const context = { ...given, events: this.#warnings.filter(keyOf(autoscaler), given.events, given.now) }
    const report: Report = { conditions: new Map() }
    try {
      const target = await this.#observe(autoscaler, report, context)
      const plan = target === undefined ? undefined : await this.#plan(autoscaler, target, report, context)
      if (target !== undefined && plan !== undefined) await this.#act(autoscaler, target, plan, { report, context })
    } finally {
      await this.#report(autoscaler, report, context)
    }
    return this.#nextSync()
  }

  #isEcho({ metadata }: Autoscaler, now: number): boolean {
    const key = `${metadata.namespace}/${metadata.name}`
    const last = this.#runs.get(key)
    if (last !== undefined && last.generation === metadata.generation && now - last.at < echoMs) return true
    this.#runs.set(key, { at: now, generation: metadata.generation })
    return false
  }

  #nextSync = () => ({ requeueAfterMs: this.#options.syncPeriodMs ?? defaultSyncPeriodMs })

  async #observe(autoscaler: Autoscaler, report: Report, { client, events, now }: ReconcileContext): Promise<ScaleTarget | undefined> {
    const key = keyOf(autoscaler)
    try {
      const target = await readTarget(client, autoscaler.metadata.namespace!, autoscaler.spec.scaleTargetRef)
      const current = target.scale.spec?.replicas ?? 0
      report.conditions.set('AbleToScale', {
        status: 'True',
        reason: 'SucceededGetScale',
        message: "the HPA controller was able to get the target's current scale",
      })
      report.currentReplicas = current
      const history = this.#memories.get(key)?.history ?? { recommendations: [{ at: now, count: current }], added: [], removed: [] }
      const selector = target.scale.status?.selector ?? ''
      this.#memories.set(key, { history, ...(selector === '' ? {} : { selector: parseLabelSelector(selector) }) })
      return target
    } catch (error) {
      const message = messageOf(error)
      events.event(autoscaler, 'Warning', 'FailedGetScale', message)
      report.conditions.set('AbleToScale', {
        status: 'False',
        reason: 'FailedGetScale',
        message: `the HPA controller was unable to get the target's current scale: ${message}`,
      })
      return undefined
    }
  }

  /** The size to go to and why; `undefined` when there is nothing to say. */
  async #plan(
    autoscaler: Autoscaler,
    target: ScaleTarget,
    report: Report,
    context: ReconcileContext,
  ): Promise<{ readonly replicas: number; readonly why: string } | undefined> {
    const { minReplicas = 1, maxReplicas } = autoscaler.spec
    const current = report.currentReplicas!
    if (current === 0 && minReplicas !== 0) {
      report.conditions.set('ScalingActive', {
        status: 'False',
        reason: 'ScalingDisabled',
        message: 'scaling is disabled since the replica count of the target is zero',
      })
      return { replicas: 0, why: '' }
    }
    if (current > maxReplicas) return { replicas: maxReplicas, why: 'Current number of replicas above Spec.MaxReplicas' }
    if (current < minReplicas) return { replicas: minReplicas, why: 'Current number of replicas below Spec.MinReplicas' }
    const best = await this.#measure(autoscaler, target, report, context)
    if (best === undefined) return undefined
    const why = best.replicas > current ? `${best.name} above target` : 'All metrics below target'
    return { replicas: this.#normalize(autoscaler, best.replicas, report, context), why }
  }

  #normalize(autoscaler: Autoscaler, desiredReplicas: number, report: Report, { now }: ReconcileContext): number {
    const key = keyOf(autoscaler)
    const { minReplicas = 1, maxReplicas, behavior } = autoscaler.spec
    const memory = this.#memories.get(key)!
    const downscaleStabilizationMs = this.#options.downscaleStabilizationMs ?? defaultDownscaleStabilizationMs
    const input = {
      history: memory.history,
      currentReplicas: report.currentReplicas!,
      desiredReplicas,
      minReplicas,
      maxReplicas,
      downscaleStabilizationMs,
      now,
    }
    const normalized = normalize({ ...input, ...(behavior === undefined ? {} : { behavior }) })
    this.#memories.set(key, {
      ...memory,
      history: remember(memory.history, now, { recommendation: desiredReplicas, downscaleStabilizationMs }),
    })
    report.conditions.set('AbleToScale', normalized.ableToScale).set('ScalingLimited', normalized.scalingLimited)
    return normalized.replicas
  }

  /** The highest proposal of all metrics; `undefined` when those that fail leave it open whether to go down. */
  async #measure(
    autoscaler: Autoscaler,
    target: ScaleTarget,
    report: Report,
    context: ReconcileContext,
  ): Promise<MetricProposal | undefined> {
    const { metrics = [], behavior } = autoscaler.spec
    const selector = this.#selectorFor(autoscaler, target, report, context)
    if (selector === undefined) return undefined
    const tolerance = this.#options.tolerance ?? defaultTolerance
    const input = {
      client: context.client,
      metrics: this.#metrics,
      autoscaler,
      selector: target.scale.status!.selector!,
      pods: [...this.#pods.byIndex('namespace', autoscaler.metadata.namespace!)].filter((pod) =>
        matchesLabels(selector, pod.metadata.labels),
      ),
      currentReplicas: report.currentReplicas!,
      statusReplicas: target.scale.status!.replicas,
      tolerance: { up: toleranceOf(behavior?.scaleUp?.tolerance, tolerance), down: toleranceOf(behavior?.scaleDown?.tolerance, tolerance) },
      cpuInitializationPeriodMs: this.#options.cpuInitializationPeriodMs ?? defaultCpuInitializationPeriodMs,
      initialReadinessDelayMs: this.#options.initialReadinessDelayMs ?? defaultInitialReadinessDelayMs,
      now: context.now,
    }
    const proposals: MetricProposal[] = []
    const failures: MetricFailure[] = []
    const statuses: AutoscalingV2MetricStatus[] = []
    for (const spec of metrics) {
      try {
        const proposal = await proposeReplicas(spec, input)
        proposals.push(proposal)
        statuses.push(proposal.status)
      } catch (error) {
        if (!(error instanceof MetricFailure)) throw error
        failures.push(error)
        statuses.push(noStatus)
        context.events.event(autoscaler, 'Warning', error.reason, error.message)
      }
    }
    report.currentMetrics = statuses
    return judge({ autoscaler, proposals, failures, report, context })
  }

  /** The target's selector; `undefined` when there is none, or when another autoscaler scales the same pods. */
  #selectorFor(autoscaler: Autoscaler, { scale }: ScaleTarget, report: Report, { events }: ReconcileContext): LabelSelector | undefined {
    const { selector } = this.#memories.get(keyOf(autoscaler))!
    if (selector === undefined) {
      const message = 'selector is required'
      events.event(autoscaler, 'Warning', 'SelectorRequired', message)
      report.conditions.set('ScalingActive', {
        status: 'False',
        reason: 'InvalidSelector',
        message: "the HPA target's scale is missing a selector",
      })
      return undefined
    }
    const pods = [...this.#pods.byIndex('namespace', autoscaler.metadata.namespace!)].filter((pod) =>
      matchesLabels(selector, pod.metadata.labels),
    )
    const rivals = new Set(pods.flatMap((pod) => [...this.keysOf(pod)]))
    if (rivals.size <= 1) return selector
    const message = `pods by selector ${scale.status!.selector} are controlled by multiple HPAs: [${[...rivals].sort().join(' ')}]`
    events.event(autoscaler, 'Warning', 'AmbiguousSelector', message)
    report.conditions.set('ScalingActive', { status: 'False', reason: 'AmbiguousSelector', message })
    return undefined
  }

  async #act(
    autoscaler: Autoscaler,
    target: ScaleTarget,
    plan: { readonly replicas: number; readonly why: string },
    { report, context }: { readonly report: Report; readonly context: ReconcileContext },
  ): Promise<void> {
    const { replicas, why } = plan
    const current = report.currentReplicas!
    report.desiredReplicas = replicas
    if (replicas === current) return
    const { client, events, now, log } = context
    try {
      await writeScale(client, target, replicas)
    } catch (error) {
      const message = messageOf(error)
      report.desiredReplicas = current
      events.event(autoscaler, 'Warning', 'FailedRescale', `New size: ${replicas}; reason: ${why}; error: ${message}`)
      report.conditions.set('AbleToScale', {
        status: 'False',
        reason: 'FailedUpdateScale',
        message: `the HPA controller was unable to update the target scale: ${message}`,
      })
      throw error
    }
    report.hasScaled = true
    report.conditions.set('AbleToScale', {
      status: 'True',
      reason: 'SucceededRescale',
      message: `the HPA controller was able to update the target scale to ${replicas}`,
    })
    events.event(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${why}`)
    log.info({ from: current, to: replicas, reason: why }, 'rescaled')
    if (autoscaler.spec.behavior === undefined) return
    const memory = this.#memories.get(keyOf(autoscaler))!
    const downscaleStabilizationMs = this.#options.downscaleStabilizationMs ?? defaultDownscaleStabilizationMs
    this.#memories.set(keyOf(autoscaler), {
      ...memory,
      history: remember(memory.history, now, { change: replicas - current, downscaleStabilizationMs }),
    })
  }

  async #report(autoscaler: Autoscaler, report: Report, { client, events, now, log }: ReconcileContext): Promise<void> {
    const previous: AutoscalingV2HorizontalPodAutoscalerStatus = autoscaler.status ?? { desiredReplicas: 0 }
    const { generation } = autoscaler.metadata
    const lastScaleTime = report.hasScaled === true ? toTimestamp(now) : previous.lastScaleTime
    const currentMetrics = report.currentMetrics ?? previous.currentMetrics
    const status: AutoscalingV2HorizontalPodAutoscalerStatus = {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
      currentReplicas: report.currentReplicas ?? previous.currentReplicas ?? 0,
      desiredReplicas: report.desiredReplicas ?? previous.desiredReplicas,
      ...(currentMetrics === undefined ? {} : { currentMetrics: [...currentMetrics] }),
      conditions: setConditions(previous.conditions ?? [], report.conditions, now),
    }
    if (isDeepStrictEqual(status, autoscaler.status)) return
    await client.updateStatus(AutoscalingV2HorizontalPodAutoscaler, { ...autoscaler, status }).catch((error: unknown) => {
      if (isNotFound(error)) return
      if (!isConflict(error)) events.event(autoscaler, 'Warning', 'FailedUpdateStatus', messageOf(error))
      log.debug({ err: error }, 'status not written; the next run writes it')
    })
  }
}

/** The highest proposal, unless failing metrics might have asked for more than a scale-down. */
function judge(input: {
  readonly autoscaler: Autoscaler
  readonly proposals: readonly MetricProposal[]
  readonly failures: readonly MetricFailure[]
  readonly report: Report
  readonly context: ReconcileContext
}): MetricProposal | undefined {
  const { proposals, failures, report, context, autoscaler } = input
  const [failure] = failures
  let best: MetricProposal | undefined
  for (const proposal of proposals) if (best === undefined || proposal.replicas > best.replicas) best = proposal
  if (best === undefined || (failure !== undefined && best.replicas < report.currentReplicas!)) {
    if (failure === undefined) return undefined
    report.conditions.set('ScalingActive', {
      status: 'False',
      reason: failure.reason,
      message: `the HPA was unable to compute the replica count: ${failure.message}`,
    })
    const total = proposals.length + failures.length
    const message = `invalid metrics (${failures.length} invalid out of ${total}), first error is: ${failure.summary}`
    context.events.event(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', message)
    return undefined
  }
  report.conditions.set('ScalingActive', {
    status: 'True',
    reason: 'ValidMetricFound',
    message: `the HPA was able to successfully calculate a replica count from ${best.name}`,
  })
  return best
}

const toleranceOf = (text: string | undefined, otherwise: number) => (text === undefined ? otherwise : milliValueOf(text) / 1000)
