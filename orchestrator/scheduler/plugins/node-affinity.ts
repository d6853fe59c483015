import { normalizeByMax } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import { matchesNodeRequirements, matchesTerm } from '../../api/node-requirements.ts'

const refusal = ["node(s) didn't match Pod's node affinity/selector"]

/** Obeys `nodeSelector` and required node affinity, and adds up the weights of the preferred terms that a node satisfies. */
export const nodeAffinity: Plugin<true> = {
  name: 'NodeAffinity',
  weight: 2,
  wakesOn: ['node-added', 'node-changed'],
  preFilter: ({ spec }) => (spec.nodeSelector === undefined && spec.affinity?.nodeAffinity === undefined ? undefined : true),
  filter: (pod, { node }) => (matchesNodeRequirements(pod, node!) ? undefined : refusal),
  score: ({ spec }, { node }) => {
    let sum = 0
    for (const { weight, preference } of spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (matchesTerm(preference, node!)) sum += weight
    }
    return sum
  },
  normalize: (scores) => normalizeByMax(scores, false),
}
