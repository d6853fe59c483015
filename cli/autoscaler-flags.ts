import { expanderNames } from '../orchestrator/autoscaler/settings.ts'
import type { Balancing, ExpanderName } from '../orchestrator/autoscaler/settings.ts'
import { decimal, pathOf } from './option-values.ts'
import { UsageError } from './usage-error.ts'

/** What can be set about nodes that come and go by themselves. Names as upstream's where it has such a flag. */
export interface AutoscalerFlags {
  /** How many nodes this host may be; `undefined`: those that it was started with. */
  readonly nodes: { readonly min: number; readonly max: number } | undefined
  /** Where the provider of nodes is that speaks `externalgrpc`. */
  readonly cloudConfig: string | undefined
  readonly scanIntervalMs: number
  readonly scaleDownUnneededMs: number
  readonly scaleDownDelayAfterAddMs: number
  readonly scaleDownUtilizationThreshold: number
  readonly expanders: readonly ExpanderName[]
  readonly balancing: Balancing | undefined
}

/** The flags, in the order of the help text. */
export const autoscalerFlags = {
  'autoscale-nodes': { value: 'MIN:MAX', help: 'how many nodes this host may be: they come for pods that fit nowhere and go when idle' },
  'cloud-config': { value: 'FILE', help: 'the provider of nodes: address, cacert, cert and key of an externalgrpc server' },
  'scan-interval': { value: 'SECONDS', fallback: '10', help: 'how often is looked whether nodes have to come or may go' },
  'scale-down-unneeded-time': { value: 'SECONDS', fallback: '600', help: 'how long a node must be idle before it goes' },
  'scale-down-delay-after-add': { value: 'SECONDS', fallback: '600', help: 'how long after one came no node goes' },
  'scale-down-utilization-threshold': { value: 'SHARE', fallback: '0.5', help: 'a node of which less is requested is idle' },
  expander: {
    value: 'LIST',
    fallback: 'least-waste',
    help: `which group grows: ${expanderNames.join(', ')}; several are asked one after another`,
  },
  'balance-similar-node-groups': { help: 'groups whose nodes are alike grow to the same size' },
  'balancing-ignore-label': { value: 'LABEL', isRepeatable: true, help: 'a label in which nodes that are alike may differ' },
} as const

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

const maxNodes = 5_000
const day = 86_400

/** Reads the flags. Throws a `UsageError` that names the flag, the value and what is allowed. */
export function autoscalerSettings(values: Values, startedNodes: number): AutoscalerFlags {
  const text = (name: keyof typeof autoscalerFlags) => values[name] as string | undefined
  const number = (name: keyof typeof autoscalerFlags, fallback: string, [min, max]: readonly [number, number]) =>
    decimal(name, text(name) ?? fallback, { min, max, what: 'a number' })
  const ms = (name: keyof typeof autoscalerFlags & `s${string}`, min: number) =>
    Math.round(number(name, autoscalerFlags[name].fallback, [min, day]) * 1000)
  const cloudConfig = text('cloud-config')
  const nodes = text('autoscale-nodes')
  if (cloudConfig !== undefined && nodes !== undefined)
    throw new UsageError('--cloud-config: either nodes of this host come and go (--autoscale-nodes) or those of a provider, not both')
  return {
    nodes: nodes === undefined ? undefined : boundsIn(nodes, startedNodes),
    cloudConfig: pathOf('cloud-config', cloudConfig),
    scanIntervalMs: ms('scan-interval', 1),
    scaleDownUnneededMs: ms('scale-down-unneeded-time', 0),
    scaleDownDelayAfterAddMs: ms('scale-down-delay-after-add', 0),
    scaleDownUtilizationThreshold: number(
      'scale-down-utilization-threshold',
      autoscalerFlags['scale-down-utilization-threshold'].fallback,
      [0, 1],
    ),
    balancing: balancingOf(values),
    expanders: (text('expander') ?? autoscalerFlags.expander.fallback).split(',').map(expanderIn),
  }
}

/** The flags that give the same settings again. */
export function toAutoscalerFlags(flags: AutoscalerFlags): string[] {
  return [
    ...(flags.nodes === undefined ? [] : [`--autoscale-nodes=${flags.nodes.min}:${flags.nodes.max}`]),
    ...(flags.cloudConfig === undefined ? [] : [`--cloud-config=${flags.cloudConfig}`]),
    `--scan-interval=${flags.scanIntervalMs / 1000}`,
    `--scale-down-unneeded-time=${flags.scaleDownUnneededMs / 1000}`,
    `--scale-down-delay-after-add=${flags.scaleDownDelayAfterAddMs / 1000}`,
    `--scale-down-utilization-threshold=${flags.scaleDownUtilizationThreshold}`,
    `--expander=${flags.expanders.join(',')}`,
    ...(flags.balancing === undefined ? [] : ['--balance-similar-node-groups']),
    ...(flags.balancing?.ignoredLabels ?? []).map((label) => `--balancing-ignore-label=${label}`),
  ]
}

function balancingOf(values: Values): Balancing | undefined {
  const ignoredLabels = (values['balancing-ignore-label'] as readonly string[] | undefined) ?? []
  const wrong = ignoredLabels.find((label) => !/^[A-Za-z0-9][\w./-]*$/.test(label))
  if (wrong !== undefined) throw new UsageError(`--balancing-ignore-label: ${JSON.stringify(wrong)} is not the name of a label`)
  if (values['balance-similar-node-groups'] === true) return { ignoredLabels }
  if (ignoredLabels.length > 0) throw new UsageError('--balancing-ignore-label goes with --balance-similar-node-groups')
  return undefined
}

function boundsIn(text: string, startedNodes: number): { readonly min: number; readonly max: number } {
  const [, low, high] = /^(\d{1,4}):(\d{1,4})$/.exec(text) ?? []
  const [min, max] = [Number(low), Number(high)]
  if (low === undefined || min > max || max > maxNodes)
    throw new UsageError(`--autoscale-nodes: ${JSON.stringify(text)} is not MIN:MAX with MIN not above MAX, and MAX at most ${maxNodes}`)
  if (max < startedNodes)
    throw new UsageError(`--autoscale-nodes: ${JSON.stringify(text)}: MAX is below --nodes (${startedNodes}), which always run`)
  return { min, max }
}

function expanderIn(text: string): ExpanderName {
  if (!(expanderNames as readonly string[]).includes(text))
    throw new UsageError(`--expander: ${JSON.stringify(text)} is not one of ${expanderNames.join(', ')}`)
  return text as ExpanderName
}
