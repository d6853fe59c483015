import type { CoreV1Taint, CoreV1Toleration } from '../../api/generated/kinds.ts'
import { findUntolerated, tolerates } from '../../api/taints.ts'
import { finalRefusal, normalizeByMax } from '../framework.ts'
import type { Plugin, Refusal } from '../framework.ts'

const hardEffects = ['NoSchedule', 'NoExecute']
/** Refusals are told apart by identity, so that each taint needs one. */
const refusals = new Map<string, Refusal>()
const maxRefusals = 1_000

function refusalFor({ key, value = '' }: CoreV1Taint): Refusal {
  const reason = `node(s) had untolerated taint {${key}: ${value}}`
  let refusal = refusals.get(reason)
  if (refusal === undefined) {
    if (refusals.size >= maxRefusals) refusals.clear()
    refusals.set(reason, (refusal = finalRefusal(reason)))
  }
  return refusal
}

/** Keeps pods off nodes with taints that they don't tolerate, and prefers nodes with fewer PreferNoSchedule ones. */
export const taintToleration: Plugin<never, readonly CoreV1Toleration[]> = {
  name: 'TaintToleration',
  wakesOn: ['node-added', 'node-changed'],
  isHelped: ({ spec }, change) =>
    !('node' in change) || findUntolerated(change.node.spec.taints, spec.tolerations, hardEffects) === undefined,
  filter: ({ spec }, { node }) => {
    if (node!.spec.taints === undefined) return undefined
    const taint = findUntolerated(node!.spec.taints, spec.tolerations, hardEffects)
    return taint === undefined ? undefined : refusalFor(taint)
  },
  preScore: ({ spec }) => (spec.tolerations ?? []).filter(({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule'),
  score: (_pod, { node }, tolerations) => {
    let untolerated = 0
    for (const taint of node!.spec.taints ?? [])
      if (taint.effect === 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint))) untolerated++
    return untolerated
  },
  normalize: (scores) => normalizeByMax(scores, true),
}
