import type { Plugin } from '../framework.ts'
import { tolerates } from '../../api/taints.ts'

const refusal = ['node(s) were unschedulable']
const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

/** Leaves cordoned nodes alone, but for pods that tolerate that. */
export const nodeUnschedulable: Plugin<true> = {
  name: 'NodeUnschedulable',
  wakesOn: ['node-added', 'node-changed'],
  preFilter: ({ spec }) => (spec.tolerations?.some((toleration) => tolerates(toleration, taint)) === true ? undefined : true),
  filter: (_pod, { node }) => (node!.spec.unschedulable === true ? refusal : undefined),
}
