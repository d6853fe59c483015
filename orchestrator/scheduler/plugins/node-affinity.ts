import type { CoreV1Node, CoreV1NodeAffinity, CoreV1Pod } from '../../api/generated/kinds.ts'
import { matchesNodeRequirements, matchesTerm } from '../../api/node-requirements.ts'
import { finalRefusal, normalizeByMax } from '../framework.ts'
import type { Plugin } from '../framework.ts'

const refusal = finalRefusal("node(s) didn't match Pod's node affinity/selector")
const enforcedRefusal = finalRefusal("node(s) didn't match scheduler-enforced node affinity")
const conflictRefusal = finalRefusal('pod affinity terms conflict')

export interface NodeAffinityArgs {
  /** What a profile adds to every pod's own affinity. */
  readonly addedAffinity?: CoreV1NodeAffinity
}

/** The only nodes that a pod's required affinity names; `undefined` unless each of its terms names some. */
function namedNodes({ spec }: CoreV1Pod): ReadonlySet<string> | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  if (terms === undefined || terms.length === 0) return undefined
  const names = new Set<string>()
  for (const { matchFields = [] } of terms) {
    const fields = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (fields.length === 0) return undefined
    for (const name of fields[0]!.values ?? []) if (fields.every(({ values = [] }) => values.includes(name))) names.add(name)
  }
  return names
}

const obeys = (affinity: CoreV1NodeAffinity | undefined, node: CoreV1Node) => {
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
}

type Preferred = NonNullable<CoreV1NodeAffinity['preferredDuringSchedulingIgnoredDuringExecution']>

/** Obeys `nodeSelector` and required node affinity, and adds up the weights of the preferred terms that a node satisfies. */
export function createNodeAffinity({ addedAffinity }: NodeAffinityArgs): Plugin<true, Preferred> {
  const added = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  const isAdded = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined
  return {
    name: 'NodeAffinity',
    wakesOn: ['node-added', 'node-changed'],
    isHelped: (pod, change) => !('node' in change) || (matchesNodeRequirements(pod, change.node) && obeys(addedAffinity, change.node)),
    preFilter: (pod) => {
      const { nodeSelector, affinity } = pod.spec
      const isRequired = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined
      if (nodeSelector === undefined && !isRequired && !isAdded) return undefined
      const nodeNames = namedNodes(pod)
      if (nodeNames?.size === 0) return { refusal: conflictRefusal }
      return nodeNames === undefined ? { state: true } : { state: true, nodeNames }
    },
    filter: (pod, { node }) => {
      if (isAdded && !obeys(addedAffinity, node!)) return enforcedRefusal
      return matchesNodeRequirements(pod, node!) ? undefined : refusal
    },
    preScore: ({ spec }) => {
      const own = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
      if (added.length > 0) return [...added, ...own]
      return own.length > 0 ? own : undefined
    },
    score: (_pod, { node }, preferred) => {
      let sum = 0
      for (const { weight, preference } of preferred) if (matchesTerm(preference, node!)) sum += weight
      return sum
    },
    normalize: (scores) => normalizeByMax(scores, false),
  }
}
