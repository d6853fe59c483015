import type { CoreV1Namespace, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { methodNotAllowed, notFound } from '../../api/status-error.ts'
import type { Answer, ApiRequest } from '../request.ts'
import { copyJson } from '../rest/copy.ts'
import type { Core, Target } from '../rest/core.ts'
import { decodeObject, expectedOf } from '../rest/decode.ts'
import { appliedObject, parsePatch, patchObject } from '../rest/patch.ts'
import { renderObject } from '../rest/render.ts'
import { applierOf, contextOf, type SubresourceHandler } from '../rest/resources.ts'
import { updateObject } from '../rest/update.ts'

/** Puts the part of `given` that the subresource is about into a copy of `current`. */
type Pick = (current: KubeObject, given: KubeObject) => KubeObject

/**
 * A subresource that speaks the whole object and writes a part of it: GET, PUT and PATCH (`/status`, `/finalize`, …).
 * `name` is what validation and defaults know it by.
 */
export function objectPart(name: string, pick: Pick): SubresourceHandler {
  return async (core, target, request) => {
    const { declaration } = target.view
    switch (request.info.verb) {
      case 'get':
        return read(core, target, request)
      case 'update': {
        const given = decodeObject(request, declaration, target.retired)
        return write(core, target, request, { name, change: (current) => pick(current, copyJson(given)) })
      }
      case 'patch':
        return write(core, target, request, { name, change: patcherOf(core, target, request, { name, pick }) })
      default:
        throw methodNotAllowed(declaration.kind, request.info.method)
    }
  }
}

function read(core: Core, { view, namespace, name }: Target, request: ApiRequest): Answer {
  const entry = core.store.get(view.keyOf(namespace, name))
  if (entry === undefined) throw notFound(view.declaration.kind, name)
  return renderObject(view.declaration, view.present(entry), { request, now: core.clock.now() })
}

interface Write {
  readonly name: string
  readonly change: (current: KubeObject) => KubeObject
}

async function write(core: Core, target: Target, request: ApiRequest, { name, change }: Write): Promise<Answer> {
  const { declaration } = target.view
  const updated = await updateObject(core, target, { ...contextOf(core, request, declaration, name), subresource: name, change })
  return renderObject(declaration, updated, { request, now: core.clock.now() })
}

function patcherOf(
  core: Core,
  { view: { declaration } }: Target,
  request: ApiRequest,
  { name, pick }: { readonly name: string; readonly pick: Pick },
): Write['change'] {
  const patch = parsePatch(request.body)
  const expected = expectedOf(declaration)
  if (patch.type !== 'application/apply-patch+yaml') return (current) => pick(current, patchObject(current, patch, expected, request))
  const applied = appliedObject(patch, declaration, expected, request)
  const apply = applierOf(core, request, declaration, name)
  return (current) => pick(current, copyJson(apply(current, copyJson(applied))))
}

/** `/status`: the strategy of the kind keeps everything but the status. */
export const status = objectPart('status', (_, given) => given)

/** `namespaces/finalize`: only `spec.finalizers` changes. */
export const finalize = objectPart('finalize', (current, given) => {
  const namespace = copyJson(current) as CoreV1Namespace
  namespace.metadata.resourceVersion = given.metadata.resourceVersion
  const { finalizers } = (given as CoreV1Namespace).spec ?? {}
  namespace.spec = { ...namespace.spec, finalizers: finalizers ?? [] }
  return namespace
})

/** `pods/ephemeralcontainers`: only those containers change. */
export const ephemeralContainers = objectPart('ephemeralcontainers', (current, given) => {
  const pod = copyJson(current) as CoreV1Pod
  const { ephemeralContainers: containers } = (given as CoreV1Pod).spec ?? {}
  if (containers !== undefined) pod.spec = { ...pod.spec, ephemeralContainers: containers }
  return pod
})

/** `pods/resize`: only the resources of containers change. */
export const resize = objectPart('resize', (current, given) => {
  const pod = copyJson(current) as CoreV1Pod
  const wanted = new Map((given as CoreV1Pod).spec?.containers.map((container) => [container.name, container]))
  pod.spec = {
    ...pod.spec,
    containers: pod.spec.containers.map((container) => {
      const { resources, resizePolicy } = wanted.get(container.name) ?? container
      return { ...container, ...(resources === undefined ? {} : { resources }), ...(resizePolicy === undefined ? {} : { resizePolicy }) }
    }),
  }
  return pod
})

/** `certificatesigningrequests/approval`: only the conditions change. */
export const approval = objectPart('approval', (current, given) => {
  const { status: currentStatus } = current as KubeObject & { readonly status?: object }
  const { status: givenStatus } = given as KubeObject & { readonly status?: { readonly conditions?: unknown } }
  return { ...copyJson(current), status: { ...currentStatus, conditions: givenStatus?.conditions } } as KubeObject
})
