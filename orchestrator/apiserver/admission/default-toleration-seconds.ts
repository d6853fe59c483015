import type { CoreV1Pod, CoreV1Toleration } from '../../api/generated/kinds.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

const tolerationSeconds = 300
const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

/** Pods stay for five minutes on a node that is not ready or cannot be reached, unless they say otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit({ operation, declaration, subresource, object }) {
    if (operation !== 'CREATE' || subresource !== '' || resourceOf(declaration) !== 'pods') return
    const { spec } = object as CoreV1Pod
    if (spec === undefined) return
    const given = spec.tolerations ?? []
    const added = taints.filter((key) => !given.some((toleration) => tolerates(toleration, key)))
    if (added.length > 0)
      spec.tolerations = [...given, ...added.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }))]
  },
}

function tolerates({ key, effect }: CoreV1Toleration, taint: string): boolean {
  return (!key || key === taint) && (!effect || effect === 'NoExecute')
}
