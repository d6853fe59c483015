import type { CoreV1Pod, CoreV1PodSpec, NodeV1RuntimeClass } from '../../api/generated/kinds.ts'
import { forbidden } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

const prefix = 'node.k8s.io/runtimeclasses/'

/** Gives a pod what its RuntimeClass says: what running it costs beside its containers, and on which nodes it can run. As upstream's plug-in of that name. */
export function runtimeClass(store: Store): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    admit({ operation, declaration, name, subresource, object }) {
      if (operation !== 'CREATE' || subresource !== '' || resourceOf(declaration) !== 'pods') return
      const { spec } = object as CoreV1Pod
      if (spec === undefined) return
      const refuse = (why: string) => forbidden(declaration.kind, name, `pod rejected: ${why}`)
      const className = spec.runtimeClassName ?? ''
      const found = className === '' ? undefined : (store.get(`${prefix}${className}`)?.object as NodeV1RuntimeClass | undefined)
      if (className !== '' && found === undefined) throw refuse(`RuntimeClass "${className}" not found`)
      const problem = setOverhead(spec, found) ?? setScheduling(spec, found)
      if (problem !== undefined) throw refuse(problem)
    },
  }
}

function setOverhead(spec: CoreV1PodSpec, found: NodeV1RuntimeClass | undefined): string | undefined {
  const wanted = found?.overhead?.podFixed
  if (spec.overhead === undefined || Object.keys(spec.overhead).length === 0) {
    if (wanted !== undefined) spec.overhead = { ...wanted }
    return undefined
  }
  if (wanted === undefined) return 'Pod Overhead set without corresponding RuntimeClass defined Overhead'
  const isSame = JSON.stringify(sorted(spec.overhead)) === JSON.stringify(sorted(wanted))
  return isSame ? undefined : "Pod's Overhead doesn't match RuntimeClass's defined Overhead"
}

const sorted = (list: Readonly<Record<string, string>>) => Object.entries(list).sort(([a], [b]) => (a < b ? -1 : 1))

function setScheduling(spec: CoreV1PodSpec, found: NodeV1RuntimeClass | undefined): string | undefined {
  const { nodeSelector = {}, tolerations = [] } = found?.scheduling ?? {}
  for (const [key, value] of Object.entries(nodeSelector)) {
    const has = spec.nodeSelector?.[key]
    if (has !== undefined && has !== value)
      return `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${has}`
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector }
  const own = new Set((spec.tolerations ?? []).map((each) => JSON.stringify(each)))
  const more = tolerations.filter((each) => !own.has(JSON.stringify(each)))
  if (more.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...more]
  return undefined
}
