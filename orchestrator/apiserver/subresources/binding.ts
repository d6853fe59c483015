import { toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Binding, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { badRequest, conflict, methodNotAllowed } from '../../api/status-error.ts'
import { copyJson } from '../rest/copy.ts'
import { decodeBody } from '../rest/decode.ts'
import { contextOf, type SubresourceHandler } from '../rest/resources.ts'
import { updateObject } from '../rest/update.ts'

const expected = { group: '', version: 'v1', kind: 'Binding', definition: 'io.k8s.api.core.v1.Binding' }

/** `pods/binding`: gives a pod its node, once. */
export const binding: SubresourceHandler = async (core, target, request) => {
  const { declaration } = target.view
  if (request.info.verb !== 'create') throw methodNotAllowed(declaration.kind, request.info.method)
  const { target: node, metadata } = decodeBody<CoreV1Binding>(request, expected)
  if (!node?.name) throw badRequest('target.name: Required value')
  if (node.kind !== undefined && node.kind !== '' && node.kind !== 'Node')
    throw badRequest(`target.kind: Unsupported value: ${JSON.stringify(node.kind)}: supported values: "Node"`)
  const now = toTimestamp(core.clock.now())
  const change = (current: KubeObject) => {
    const pod = copyJson(current) as CoreV1Pod
    const refuse = (why: string) => conflict({ group: '', plural: 'pods/binding' }, target.name, why)
    if (metadata?.uid && metadata.uid !== pod.metadata.uid)
      throw refuse(`Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid}`)
    if (pod.metadata.deletionTimestamp !== undefined) throw refuse(`pod ${target.name} is being deleted, cannot be assigned to a host`)
    if (pod.spec?.nodeName) throw refuse(`pod ${target.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`)
    if ((pod.spec?.schedulingGates ?? []).length > 0) throw refuse(`pod ${target.name} has non-empty .spec.schedulingGates`)
    pod.spec = { ...pod.spec, nodeName: node.name }
    Object.assign(pod.metadata, {
      annotations: merged(pod.metadata.annotations, metadata?.annotations),
      labels: merged(pod.metadata.labels, metadata?.labels),
    })
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled')
    pod.status = {
      ...pod.status,
      conditions: [...others, { type: 'PodScheduled', status: 'True', lastProbeTime: null as unknown as string, lastTransitionTime: now }],
    }
    return pod
  }
  await updateObject(core, target, { ...contextOf(core, request, declaration, 'binding'), subresource: 'binding', change })
  return { type: 'object', code: 201, object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } }
}

function merged(own: Record<string, string> | undefined, given: Record<string, string> | undefined): Record<string, string> | undefined {
  return given === undefined ? own : { ...own, ...given }
}
