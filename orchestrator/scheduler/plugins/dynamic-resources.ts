import { CoreV1Pod, ResourceV1ResourceClaim } from '../../api/generated/kinds.ts'
import type { CoreV1NodeSelectorTerm } from '../../api/generated/kinds.ts'
import { matchesTerm } from '../../api/node-requirements.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { finalRefusal } from '../framework.ts'
import type { Plugin } from '../framework.ts'

const refusal = finalRefusal('resourceclaim not available on the node')

/** Where an allocated claim can be used: any of the terms. */
type Terms = readonly CoreV1NodeSelectorTerm[]

/** Sends pods with resource claims where those were allocated. It allocates none itself: who does writes the allocation into the claim's status. */
export function createDynamicResources(informers: InformerFactory): Plugin<readonly Terms[]> {
  const claims = informers.informer(ResourceV1ResourceClaim)

  function claimNameOf({ status }: CoreV1Pod, name: string, own: string | undefined): string | undefined {
    return own ?? status?.resourceClaimStatuses?.find((made) => made.name === name)?.resourceClaimName
  }

  return {
    name: 'DynamicResources',
    wakesOn: ['node-added', 'node-changed', 'storage-changed'],
    preFilter: (pod) => {
      const wanted = pod.spec.resourceClaims ?? []
      if (wanted.length === 0) return undefined
      const places: Terms[] = []
      for (const { name, resourceClaimName } of wanted) {
        const claimName = claimNameOf(pod, name, resourceClaimName)
        if (claimName === undefined) {
          return { refusal: finalRefusal(`pod "${pod.metadata.namespace}/${pod.metadata.name}": ResourceClaim not created yet`) }
        }
        const claim = claims.get(`${pod.metadata.namespace}/${claimName}`)
        if (claim === undefined) return { refusal: finalRefusal(`resourceclaim "${claimName}" not found`) }
        const { allocation } = claim.status ?? {}
        if (allocation === undefined) return { refusal: finalRefusal('cannot allocate all claims') }
        if (allocation.nodeSelector !== undefined) places.push(allocation.nodeSelector.nodeSelectorTerms)
      }
      return places.length === 0 ? undefined : { state: places }
    },
    filter: (_pod, { node }, places) => (places.every((terms) => terms.some((term) => matchesTerm(term, node!))) ? undefined : refusal),
  }
}
