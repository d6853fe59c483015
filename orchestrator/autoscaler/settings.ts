import type { GroupOptions } from './provider.ts'

export const expanderNames = ['least-waste', 'most-pods', 'priority', 'random'] as const
export type ExpanderName = (typeof expanderNames)[number]

/** How groups of a kind are found. */
export interface Balancing {
  /** Labels in which they may differ, beside those that say where a node is. */
  readonly ignoredLabels: readonly string[]
}

/** How the autoscaler decides; names and defaults are upstream's. */
export interface AutoscalerSettings extends GroupOptions {
  readonly scanIntervalMs: number
  readonly scaleDownDelayAfterAddMs: number
  readonly scaleDownDelayAfterFailureMs: number
  /** A group whose scale-up failed is left alone for this long, doubled up to the maximum, forgotten after `backoffResetMs`. */
  readonly initialBackoffMs: number
  readonly maxBackoffMs: number
  readonly backoffResetMs: number
  /** Asked one after another until one option is left; chance decides in the end. */
  readonly expanders: readonly ExpanderName[]
  /** Groups of a kind grow to the same size; `undefined`: each for itself. */
  readonly balancing: Balancing | undefined
  readonly maxEmptyBulkDelete: number
  readonly maxGracefulTerminationMs: number
  readonly skipNodesWithLocalStorage: boolean
  readonly skipNodesWithSystemPods: boolean
  /** Pods less important than this get no nodes and keep none. */
  readonly expendablePodsPriorityCutoff: number
}

const minute = 60_000

export const defaultSettings: AutoscalerSettings = {
  scanIntervalMs: 10_000,
  scaleDownUtilizationThreshold: 0.5,
  scaleDownUnneededMs: 10 * minute,
  scaleDownUnreadyMs: 20 * minute,
  maxNodeProvisionMs: 15 * minute,
  scaleDownDelayAfterAddMs: 10 * minute,
  scaleDownDelayAfterFailureMs: 3 * minute,
  initialBackoffMs: 5 * minute,
  maxBackoffMs: 30 * minute,
  backoffResetMs: 180 * minute,
  expanders: ['least-waste'],
  balancing: undefined,
  maxEmptyBulkDelete: 10,
  maxGracefulTerminationMs: 10 * minute,
  skipNodesWithLocalStorage: true,
  skipNodesWithSystemPods: true,
  expendablePodsPriorityCutoff: -10,
}
