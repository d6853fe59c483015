import type { CoreV1Node } from '../api/generated/kinds.ts'

/** Nodes that are alike, of which there may be more or fewer. */
export interface NodeGroup {
  readonly id: string
  readonly minSize: number
  readonly maxSize: number
}

/** A machine of a group, whether or not its node has joined the cluster yet. */
export interface Instance {
  /** The node's `spec.providerID`, or its name where it has none. */
  readonly id: string
  readonly state: 'running' | 'creating' | 'deleting' | 'unknown'
  /** Why it will not come. */
  readonly error?: string
}

/** What may differ from group to group. */
export interface GroupOptions {
  readonly scaleDownUtilizationThreshold: number
  readonly scaleDownUnneededMs: number
  readonly scaleDownUnreadyMs: number
  readonly maxNodeProvisionMs: number
}

/**
 * Who makes nodes and takes them away. Sizes are targets: a call resolves when the target is changed, nodes follow. Every call may reject; the
 * message is shown to users.
 */
export interface CloudProvider {
  readonly name: string
  /** Called before each round. */
  refresh(): Promise<void>
  nodeGroups(): Promise<readonly NodeGroup[]>
  /** The group that a node belongs to; `undefined` for nodes that are none of the autoscaler's business. */
  groupOf(node: CoreV1Node): Promise<string | undefined>
  targetSize(group: string): Promise<number>
  increaseSize(group: string, delta: number): Promise<void>
  /** Takes these nodes away for good, and the target down with them. */
  deleteNodes(group: string, nodes: readonly CoreV1Node[]): Promise<void>
  /** Gives up on so many nodes that have not come. */
  decreaseTargetSize(group: string, delta: number): Promise<void>
  instances(group: string): Promise<readonly Instance[]>
  /** What a fresh node of the group would be; `undefined` where the provider doesn't know and one that is there has to stand for it. */
  templateNode(group: string): Promise<CoreV1Node | undefined>
  /** `defaults` as far as the group has nothing of its own. */
  options(group: string, defaults: GroupOptions): Promise<GroupOptions>
  /** Called once at the end. */
  cleanup(): Promise<void>
}
