import type { CoreV1Node } from '../api/generated/kinds.ts'
import type { CloudProvider, GroupOptions, NodeGroup } from './provider.ts'

/** A provider in memory, for tests: it notes what it is asked for, and the test makes nodes appear. */
export interface FakeProvider extends CloudProvider {
  readonly groups: Map<string, NodeGroup & { readonly template: CoreV1Node }>
  readonly sizes: Map<string, number>
  /** `increase g 2`, `delete g n1`, `decrease g 1`, in order. */
  readonly calls: string[]
  /** What the next increases are refused with. */
  refusal: string | undefined
  /** Called for each deleted node. */
  onDelete: (node: CoreV1Node) => Promise<void>
}

/** The label by which a fake's nodes say their group. */
export const groupLabel = 'group'

export function createFakeProvider(groups: readonly (NodeGroup & { readonly template: CoreV1Node })[]): FakeProvider {
  const known = new Map(groups.map((group) => [group.id, group]))
  const sizes = new Map(groups.map(({ id, minSize }) => [id, minSize]))
  const calls: string[] = []
  return {
    name: 'fake',
    groups: known,
    sizes,
    calls,
    refusal: undefined,
    onDelete: async () => {},
    refresh: async () => {},
    nodeGroups: async () => [...known.values()],
    groupOf: async ({ metadata }) => metadata.labels?.[groupLabel],
    targetSize: async (id) => sizes.get(id)!,
    async increaseSize(id, delta) {
      if (this.refusal !== undefined) throw new Error(this.refusal)
      calls.push(`increase ${id} ${delta}`)
      sizes.set(id, sizes.get(id)! + delta)
    },
    async deleteNodes(id, nodes) {
      for (const node of nodes) {
        calls.push(`delete ${id} ${node.metadata.name}`)
        sizes.set(id, sizes.get(id)! - 1)
        await this.onDelete(node)
      }
    },
    async decreaseTargetSize(id, delta) {
      calls.push(`decrease ${id} ${delta}`)
      sizes.set(id, sizes.get(id)! - delta)
    },
    instances: async () => [],
    templateNode: async (id) => known.get(id)!.template,
    options: async (_: string, defaults: GroupOptions) => defaults,
    cleanup: async () => {
      calls.push('cleanup')
    },
  }
}
