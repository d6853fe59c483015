import { normalizeByMax } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import { findUntolerated, tolerates } from '../../api/taints.ts'

/** Keeps pods off nodes with taints that they don't tolerate, and prefers nodes with fewer PreferNoSchedule ones. */
export const taintToleration: Plugin<true> = {
  name: 'TaintToleration',
  weight: 3,
  wakesOn: ['node-added', 'node-changed'],
  preFilter: () => true,
  filter: ({ spec }, { node }) => {
    const taint = findUntolerated(node!.spec.taints, spec.tolerations, ['NoSchedule', 'NoExecute'])
    return taint === undefined ? undefined : [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`]
  },
  score: ({ spec }, { node }) => {
    const preferred = node!.spec.taints?.filter(({ effect }) => effect === 'PreferNoSchedule') ?? []
    return preferred.filter((taint) => !(spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint))).length
  },
  normalize: (scores) => normalizeByMax(scores, true),
}
