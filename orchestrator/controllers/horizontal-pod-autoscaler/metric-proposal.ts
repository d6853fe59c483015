import type {
  AutoscalingV2HorizontalPodAutoscaler,
  AutoscalingV2MetricIdentifier,
  AutoscalingV2MetricSpec,
  AutoscalingV2MetricStatus,
  AutoscalingV2MetricTarget,
  CoreV1Pod,
} from '../../api/generated/kinds.ts'
import { formatQuantity, milliValueOf, quantityFromMilli } from '../../api/quantity.ts'
import type { Client } from '../../client/client.ts'
import { messageOf } from '../refusal.ts'
import type { MetricsClient } from './metrics-client.ts'
import { MetricError, planAverage, planShare, planTotal, planUtilization } from './replica-calculator.plan.ts'
import type { CalculatorInput, Proposal, Tolerance } from './replica-calculator.plan.ts'
import { resolveKind } from './scale-target.ts'

/** What one metric of an autoscaler asks for. */
export interface MetricProposal {
  readonly replicas: number
  /** As the rescale reason names it. */
  readonly name: string
  readonly status: AutoscalingV2MetricStatus
}

/** Why a metric gives no proposal: the reason and the message are both the event's and the condition's. */
export class MetricFailure extends Error {
  readonly code = 'EMETRICFAILURE'
  readonly reason: string
  /** With what was wanted before it, as the event about all metrics says it. */
  readonly summary: string

  constructor(reason: string, message: string, summary: string) {
    super(message)
    this.name = 'MetricFailure'
    this.reason = reason
    this.summary = summary
  }
}

export interface ProposalContext {
  readonly client: Client
  readonly metrics: MetricsClient
  readonly autoscaler: AutoscalingV2HorizontalPodAutoscaler
  readonly selector: string
  readonly pods: readonly CoreV1Pod[]
  readonly currentReplicas: number
  readonly statusReplicas: number
  readonly tolerance: Tolerance
  readonly cpuInitializationPeriodMs: number
  readonly initialReadinessDelayMs: number
  readonly now: number
}

/** Computes one metric's proposal; throws a `MetricFailure` with upstream's reason and message. */
export async function proposeReplicas(spec: AutoscalingV2MetricSpec, context: ProposalContext): Promise<MetricProposal> {
  const source = sources[spec.type as keyof typeof sources]
  if (source === undefined) {
    const message = `unknown metric source type "${spec.type}"`
    throw new MetricFailure('InvalidMetricSourceType', message, message)
  }
  try {
    return await source.propose(spec, context)
  } catch (error) {
    throw new MetricFailure(source.reason, messageOf(error), `failed to get ${source.describe(spec)} value: ${messageOf(error)}`)
  }
}

interface Source {
  readonly reason: string
  /** What is measured, as upstream's messages name it. */
  describe(spec: AutoscalingV2MetricSpec): string
  propose(spec: AutoscalingV2MetricSpec, context: ProposalContext): Promise<MetricProposal>
}

/** The outcome of a step; its failure begins with what was tried. */
async function attempt<T>(what: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw new MetricError(`${what}: ${messageOf(error)}`)
  }
}

/** One way to measure per type of metric. */
const sources: Readonly<Record<'Resource' | 'ContainerResource' | 'Pods' | 'Object' | 'External', Source>> = {
  Resource: {
    reason: 'FailedGetResourceMetric',
    describe: ({ resource }) => `${resource?.name} resource metric`,
    async propose(spec, context) {
      const { name, target } = spec.resource!
      const { proposal, current } = await proposeForResource({ name, target }, context)
      const label = proposal.utilization === undefined ? `${name} resource` : `${name} resource utilization (percentage of request)`
      return { replicas: proposal.replicas, name: label, status: { type: 'Resource', resource: { name, current } } }
    },
  },
  ContainerResource: {
    reason: 'FailedGetContainerResourceMetric',
    describe: ({ containerResource }) => `${containerResource?.name} container metric`,
    async propose(spec, context) {
      const { name, target, container } = spec.containerResource!
      const { proposal, current } = await proposeForResource({ name, target, container }, context)
      const label =
        proposal.utilization === undefined ? `${name} container resource` : `${name} container resource utilization (percentage of request)`
      return {
        replicas: proposal.replicas,
        name: label,
        status: { type: 'ContainerResource', containerResource: { name, container, current } },
      }
    },
  },
  Pods: {
    reason: 'FailedGetPodsMetric',
    describe: () => 'pods metric',
    async propose(spec, context) {
      const { metric, target } = spec.pods!
      const samples = await attempt(`unable to get metric ${metric.name}`, () =>
        context.metrics.pods(context.autoscaler.metadata.namespace!, context.selector, metric),
      )
      const proposal = planAverage(inputOf(context, samples), requiredMilli(target.averageValue, 'averageValue'))
      return {
        replicas: proposal.replicas,
        name: `pods metric ${metric.name}`,
        status: { type: 'Pods', pods: { metric, current: { averageValue: toQuantity(proposal.milli) } } },
      }
    },
  },
  Object: {
    reason: 'FailedGetObjectMetric',
    describe: () => 'object metric',
    async propose(spec, context) {
      const { metric, target, describedObject } = spec.object!
      const namespace = context.autoscaler.metadata.namespace!
      const place = `${describedObject.kind} ${namespace}/${describedObject.name}`
      const total = await attempt(`unable to get metric ${metric.name}: ${place}`, async () => {
        const kind = await resolveKind(context.client, describedObject)
        return context.metrics.object({ namespace, kind, name: describedObject.name }, metric)
      })
      const { proposal, current } = proposeForTotal(total, target, context)
      return {
        replicas: proposal.replicas,
        name: `${describedObject.kind} metric ${metric.name}`,
        status: { type: 'Object', object: { metric, describedObject, current } },
      }
    },
  },
  External: {
    reason: 'FailedGetExternalMetric',
    describe: ({ external }) => `${external?.metric.name} external metric`,
    async propose(spec, context) {
      const { metric, target } = spec.external!
      const namespace = context.autoscaler.metadata.namespace!
      const values = await attempt(`unable to get external metric ${namespace}/${metric.name}/${formatSelector(metric)}`, () =>
        context.metrics.external(namespace, metric),
      )
      const total = values.reduce((sum, value) => sum + value, 0)
      const { proposal, current } = proposeForTotal(total, target, context)
      return {
        replicas: proposal.replicas,
        name: `external metric ${metric.name}(${formatSelector(metric)})`,
        status: { type: 'External', external: { metric, current } },
      }
    },
  },
}

interface Measured {
  readonly proposal: Proposal
  readonly current: { readonly averageUtilization?: number; readonly averageValue?: string; readonly value?: string }
}

interface ResourceSource {
  readonly name: string
  readonly target: AutoscalingV2MetricTarget
  readonly container?: string
}

function proposeForResource(source: ResourceSource, context: ProposalContext): Promise<Measured> {
  const what = source.target.averageValue === undefined && source.target.averageUtilization !== undefined ? 'utilization' : 'usage'
  return attempt(`failed to get ${source.name} ${what}`, () => measureResource(source, context))
}

async function measureResource(source: ResourceSource, context: ProposalContext): Promise<Measured> {
  const { name, target, container } = source
  const samples = await attempt(`unable to get metrics for resource ${name}`, () =>
    context.metrics.resource(context.autoscaler.metadata.namespace!, context.selector, name, container),
  )
  const input = { ...inputOf(context, samples), resource: name }
  if (target.averageValue !== undefined) {
    const proposal = planAverage(input, requiredMilli(target.averageValue, 'averageValue'))
    return { proposal, current: { averageValue: toQuantity(proposal.milli) } }
  }
  if (target.averageUtilization === undefined)
    throw new MetricError(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    )
  const proposal = planUtilization(input, target.averageUtilization, container)
  return { proposal, current: { averageUtilization: proposal.utilization!, averageValue: toQuantity(proposal.milli) } }
}

function proposeForTotal(total: number, target: AutoscalingV2MetricTarget, context: ProposalContext): Measured {
  if (target.averageValue !== undefined) {
    const proposal = planShare(context, total, requiredMilli(target.averageValue, 'averageValue'))
    return { proposal, current: { averageValue: toQuantity(proposal.milli) } }
  }
  const proposal = planTotal(context, total, requiredMilli(target.value, 'value'))
  return { proposal, current: { value: toQuantity(proposal.milli) } }
}

const inputOf = (context: ProposalContext, samples: CalculatorInput['samples']): CalculatorInput => ({ ...context, samples })

function requiredMilli(text: string | undefined, field: string): number {
  const milli = milliValueOf(text)
  if (milli <= 0) throw new MetricError(`invalid metric source: target.${field} must be a positive quantity, is ${JSON.stringify(text)}`)
  return milli
}

/** A selector as Go prints it, which is how upstream's messages have it. */
function formatSelector({ selector }: AutoscalingV2MetricIdentifier): string {
  if (selector === undefined) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  const map = labels.map(([key, value]) => `${key}: ${value},`).join('')
  return `&LabelSelector{MatchLabels:map[string]string{${map}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`
}

const toQuantity = (milli: number) => formatQuantity(quantityFromMilli(milli))
