import { finalRefusal } from '../framework.ts'
import type { Plugin } from '../framework.ts'

const refusal = finalRefusal("node(s) didn't match the requested node name")

/** Sends a pod that has a node already nowhere else: it is asked about such pods when somebody explains where they are. */
export const nodeName: Plugin<string> = {
  name: 'NodeName',
  wakesOn: ['node-added'],
  isHelped: ({ spec }, change) => change.event !== 'node-added' || spec.nodeName === change.node.metadata.name,
  preFilter: ({ spec }) => (spec.nodeName === undefined ? undefined : { state: spec.nodeName }),
  filter: (_pod, node, name) => (node.name === name ? undefined : refusal),
}
