import { tolerates } from '../../api/taints.ts'
import { finalRefusal } from '../framework.ts'
import type { Plugin } from '../framework.ts'

const refusal = finalRefusal('node(s) were unschedulable')
const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

/** Leaves cordoned nodes alone, but for pods that tolerate that. */
export const nodeUnschedulable: Plugin<true> = {
  name: 'NodeUnschedulable',
  wakesOn: ['node-added', 'node-changed'],
  isHelped: (_pod, change) => !('node' in change) || change.node.spec.unschedulable !== true,
  preFilter: ({ spec }) => (spec.tolerations?.some((toleration) => tolerates(toleration, taint)) === true ? undefined : { state: true }),
  filter: (_pod, { node }) => (node!.spec.unschedulable === true ? refusal : undefined),
}
