import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { affinityTermsOf, isMeant } from '../affinity-terms.ts'
import type { AffinityTerm, Namespaces } from '../affinity-terms.ts'
import type { Snapshot } from '../cluster-cache.ts'
import type { DomainTally } from '../domain-tally.ts'
import { finalRefusal, maxNodeScore, refusal } from '../framework.ts'
import type { Change, Plugin, Refusal } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'

const affinityRefusal = finalRefusal("node(s) didn't match pod affinity rules")
const antiAffinityRefusal = refusal("node(s) didn't match pod anti-affinity rules")
const existingRefusal = refusal("node(s) didn't satisfy existing pods anti-affinity rules")

export interface InterPodAffinityArgs {
  /** What a pod that requires company adds for those it requires, when nodes are compared; 0 … 100. */
  readonly hardPodAffinityWeight?: number
  /** What assigned pods prefer counts only for pods that prefer something themselves. */
  readonly ignorePreferredTermsOfExistingPods?: boolean
}

interface AffinityState {
  readonly wanted: readonly DomainTally[]
  /** The pod is one of those that it wants: it may be the first. */
  readonly wantsItself: boolean
  readonly unwanted: readonly DomainTally[]
  /** Where pods are that want nothing to do with this one. */
  readonly closed: readonly DomainTally[]
}

interface Weighted {
  readonly tally: DomainTally
  readonly weight: number
}

/** Brings pods together and keeps them apart, as their own and the others' affinity terms say, by the domains of topology labels. */
export function createInterPodAffinity(namespaces: Namespaces, args: InterPodAffinityArgs): Plugin<AffinityState, readonly Weighted[]> {
  const { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false } = args
  return {
    name: 'InterPodAffinity',
    wakesOn: ['node-added', 'node-changed', 'pod-assigned', 'pod-removed', 'pod-changed'],
    isHelped: (pod, change) => isHelped(pod, change, namespaces),
    preFilter: (pod, snapshot) => {
      const state = prepareFilter(pod, snapshot, namespaces)
      return state === undefined ? undefined : { state }
    },
    filter: (_, node, state) => refuse(node, state),
    preScore: (pod, snapshot) => {
      const own = affinityTermsOf(pod).filter(({ weight }) => weight !== undefined)
      const weighted = own.map((term): Weighted => ({ tally: tallyOf(term, snapshot, namespaces), weight: signed(term, term.weight!) }))
      if (own.length > 0 || !ignorePreferredTermsOfExistingPods) {
        for (const { term, tally } of snapshot.termsAbout(pod, namespaces)) {
          if (term.weight !== undefined) weighted.push({ tally, weight: signed(term, term.weight) })
          else if (!term.isAnti && hardPodAffinityWeight > 0) weighted.push({ tally, weight: hardPodAffinityWeight })
        }
      }
      return weighted.length === 0 ? undefined : weighted
    },
    score: (_, { node }, weighted) => {
      let sum = 0
      for (const { tally, weight } of weighted) {
        const domain = node!.metadata.labels?.[tally.topologyKey]
        if (domain !== undefined) sum += weight * tally.count(domain)
      }
      return sum
    },
    normalize: spreadScores,
  }
}

const signed = ({ isAnti }: AffinityTerm, weight: number) => (isAnti ? -weight : weight)
const isRequired = ({ weight }: AffinityTerm) => weight === undefined

function prepareFilter(pod: CoreV1Pod, snapshot: Snapshot, namespaces: Namespaces): AffinityState | undefined {
  const required = affinityTermsOf(pod).filter(isRequired)
  const closed = snapshot.termsAbout(pod, namespaces).filter(({ term }) => term.isAnti && isRequired(term))
  if (required.length === 0 && closed.length === 0) return undefined
  const wanted = required.filter(({ isAnti }) => !isAnti)
  return {
    wanted: wanted.map((term) => tallyOf(term, snapshot, namespaces, wanted)),
    wantsItself: wanted.every((term) => isMeant(term, pod, namespaces)),
    unwanted: required.filter(({ isAnti }) => isAnti).map((term) => tallyOf(term, snapshot, namespaces)),
    closed: closed.map(({ tally }) => tally),
  }
}

/** Where the pods are of which all of `together` speak; as upstream, a pod that is wanted satisfies every term of the affinity. */
function tallyOf(term: AffinityTerm, snapshot: Snapshot, namespaces: Namespaces, together: readonly AffinityTerm[] = [term]): DomainTally {
  const named = together.find(({ namespaceSelector }) => namespaceSelector === undefined)
  return snapshot.tally({
    id: `affinity ${term.topologyKey} ${together.map(({ subjectId }) => subjectId).join()}`,
    topologyKey: term.topologyKey,
    namespaces: named?.namespaces,
    matches: (other) => together.every((each) => isMeant(each, other, namespaces)),
  })
}

function refuse({ node }: NodeInfo, { wanted, wantsItself, unwanted, closed }: AffinityState): Refusal | undefined {
  const labels = node!.metadata.labels
  if (wanted.length > 0) {
    let isThere = true
    for (const tally of wanted) {
      const domain = labels?.[tally.topologyKey]
      if (domain === undefined) return affinityRefusal
      isThere &&= tally.count(domain) > 0
    }
    if (!isThere && !(wantsItself && wanted.every(({ domains }) => domains === 0))) return affinityRefusal
  }
  if (isAnyThere(unwanted, labels)) return antiAffinityRefusal
  return isAnyThere(closed, labels) ? existingRefusal : undefined
}

function isAnyThere(tallies: readonly DomainTally[], labels: Readonly<Record<string, string>> | undefined): boolean {
  for (const tally of tallies) {
    const domain = labels?.[tally.topologyKey]
    if (domain !== undefined && tally.count(domain) > 0) return true
  }
  return false
}

/** A pod that comes helps who wants it; one that goes, or becomes another, who doesn't, or whom it didn't want. */
function isHelped(pod: CoreV1Pod, change: Change, namespaces: Namespaces): boolean {
  if (!('pod' in change)) return true
  const own = affinityTermsOf(pod).filter(isRequired)
  const speaks = (other: CoreV1Pod, isAnti: boolean) => own.some((term) => term.isAnti === isAnti && isMeant(term, other, namespaces))
  const keepsOut = (other: CoreV1Pod) =>
    affinityTermsOf(other).some((term) => term.isAnti && isRequired(term) && isMeant(term, pod, namespaces))
  if (change.event === 'pod-assigned') return speaks(change.pod, false)
  if (change.event === 'pod-removed') return speaks(change.pod, true) || keepsOut(change.pod)
  return speaks(change.pod, false) || speaks(change.previous, true)
}

/** The lowest sum becomes 0, the highest `maxNodeScore`. */
function spreadScores(scores: number[]): void {
  let min = Infinity
  let max = -Infinity
  for (const score of scores) {
    min = Math.min(min, score)
    max = Math.max(max, score)
  }
  const range = max - min
  for (let at = 0; at < scores.length; at++) scores[at] = range === 0 ? 0 : Math.trunc((maxNodeScore * (scores[at]! - min)) / range)
}
