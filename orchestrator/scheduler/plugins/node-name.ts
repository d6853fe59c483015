import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { Plugin } from '../framework.ts'

const refusal = ["node(s) didn't match the requested node name"]

/** The node of a pod whose only required affinity term names it, as DaemonSet pods have. */
function requestedNode({ spec }: CoreV1Pod): string | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  const field = terms?.length === 1 ? terms[0]!.matchFields?.[0] : undefined
  return field?.key === 'metadata.name' && field.operator === 'In' && field.values?.length === 1 ? field.values[0] : undefined
}

/** Sends a pod that names its node nowhere else. */
export const nodeName: Plugin<{ readonly name: string }> = {
  name: 'NodeName',
  wakesOn: ['node-added'],
  preFilter: (pod) => {
    const name = requestedNode(pod)
    return name === undefined ? undefined : { name }
  },
  filter: (_pod, node, { name }) => (node.name === name ? undefined : refusal),
}
