import type { AutoscalingV1Scale } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { invalid, methodNotAllowed, notFound, pathNotFound } from '../../api/status-error.ts'
import type { Answer, ApiRequest } from '../request.ts'
import { copyJson } from '../rest/copy.ts'
import { decodeBody } from '../rest/decode.ts'
import { parsePatch, patchObject } from '../rest/patch.ts'
import { contextOf, type SubresourceHandler } from '../rest/resources.ts'
import { updateObject } from '../rest/update.ts'

const expected = { group: 'autoscaling', version: 'v1', kind: 'Scale', definition: 'io.k8s.api.autoscaling.v1.Scale' }

/** `/scale`: the replicas of an object in the form that every scalable kind shares. */
export const scale: SubresourceHandler = async (core, target, request) => {
  const { view, namespace, name } = target
  const { declaration } = view
  const scaling = declaration.scale
  if (scaling === undefined) throw pathNotFound()
  if (request.info.verb === 'get') {
    const entry = core.store.get(view.keyOf(namespace, name))
    if (entry === undefined) throw notFound(declaration.kind, name)
    return answer(scaling.read(view.present(entry).object))
  }
  const wanted = wantedScale(request)
  if (wanted === undefined) throw methodNotAllowed(declaration.kind, request.info.method)
  const change = (current: KubeObject) => {
    const next = wanted(scaling.read(current))
    checkScale(next, name)
    const object = copyJson(scaling.write(current, next.spec?.replicas ?? 0))
    if (next.metadata?.resourceVersion !== undefined) object.metadata.resourceVersion = next.metadata.resourceVersion
    return object
  }
  const updated = await updateObject(core, target, { ...contextOf(core, request, declaration, 'scale'), subresource: 'scale', change })
  return answer(scaling.read(updated.object))
}

const answer = (object: AutoscalingV1Scale): Answer => ({ type: 'object', code: 200, object })

function wantedScale(request: ApiRequest): ((current: AutoscalingV1Scale) => AutoscalingV1Scale) | undefined {
  if (request.info.verb === 'update') {
    const given = decodeBody<AutoscalingV1Scale>(request, expected)
    return () => given
  }
  if (request.info.verb !== 'patch') return undefined
  const patch = parsePatch(request.body)
  return (current) => patchObject(current, patch, expected, request) as AutoscalingV1Scale
}

function checkScale({ spec }: AutoscalingV1Scale, name: string): void {
  const replicas = spec?.replicas ?? 0
  if (replicas >= 0) return
  const message = `Invalid value: ${replicas}: must be greater than or equal to 0`
  throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [{ reason: 'FieldValueInvalid', message, field: 'spec.replicas' }])
}
