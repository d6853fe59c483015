import { preferredPodCidrAnnotation } from '../../api/node-membership.ts'
import { CoreV1Node } from '../../api/generated/kinds.ts'
import type { InformerFactory } from '../../client/informer.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { PodRanges } from './pod-ranges.plan.ts'
import type { PodRangesOptions } from './pod-ranges.plan.ts'

/** A node that got nothing is looked at again this often: another may have gone. */
const retryMs = 10_000

export interface NodeIpamOptions {
  readonly informers: InformerFactory
  readonly ranges: PodRangesOptions
}

/** Gives every Node its own range of the pod network, `spec.podCIDR`: what it had before where nobody else has it by now. */
export function createNodeIpamController({ informers, ranges: options }: NodeIpamOptions): ControllerDeclaration<CoreV1Node> {
  const ranges = new PodRanges(options)
  const note = ({ metadata, spec }: CoreV1Node) => void ranges.note(metadata.name!, spec?.podCIDR ?? '')
  informers.informer(CoreV1Node).onChange({
    added: note,
    updated: note,
    deleted: ({ metadata, spec }) => ranges.release(metadata.name!, spec?.podCIDR ?? ''),
  })
  return {
    name: 'node-ipam',
    for: CoreV1Node,
    // One at a time: what one is given must be known before the next one asks.
    workers: 1,
    async reconcile(node, { client, events, log }) {
      const { name, deletionTimestamp, annotations } = node.metadata
      const present = node.spec?.podCIDR
      if (present) {
        const owner = ranges.note(name!, present)
        if (owner !== undefined) log.warn({ name, owner, podCidr: present }, 'two nodes have the same range of the pod network')
        return undefined
      }
      if (deletionTimestamp !== undefined) return undefined
      const podCidr = ranges.take(name!, annotations?.[preferredPodCidrAnnotation])
      if (podCidr === undefined) {
        events.event(node, 'Warning', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`)
        return { requeueAfterMs: retryMs }
      }
      try {
        const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR: podCidr, podCIDRs: [podCidr] } }
        await client.patch(CoreV1Node, { name: name! }, { type: 'application/merge-patch+json', body })
      } catch (error) {
        ranges.release(name!, podCidr)
        throw error
      }
      return undefined
    },
  }
}
