import type { KindDeclaration } from '../../api/kind-declaration.ts'
import { findKind, kinds } from '../../api/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { applyServerSide, trackUpdate } from '../../api/server-side-apply.ts'
import { badRequest, invalid, methodNotAllowed, notFound, pathNotFound } from '../../api/status-error.ts'
import { resourceOf } from '../admission/admission.ts'
import type { Answer, ApiRequest } from '../request.ts'
import { planWatch } from '../watch/plan-watch.ts'
import { copyJson } from './copy.ts'
import type { Core, Target } from './core.ts'
import { createObject, type WriteContext } from './create.ts'
import { decodeObject, expectedOf } from './decode.ts'
import { deleteObject, type Removal } from './delete.ts'
import { isDryRun, parseDeleteOptions } from './delete-options.ts'
import { viewOf } from './kind-view.ts'
import { listObjects } from './list.ts'
import { appliedObject, type Patch, parsePatch, patchObject, withoutRetiredVersion } from './patch.ts'
import { renderList, renderObject } from './render.ts'
import { updateObject } from './update.ts'

/** One subresource's behaviour. Resolves with the answer; absent methods are answered with 405. */
export type SubresourceHandler = (core: Core, target: Target, request: ApiRequest) => Promise<Answer>

/** Who answers what is below an object, by the subresource's name; a name may be qualified as `pods/binding`. */
export type Subresources = ReadonlyMap<string, SubresourceHandler>

/** Kinds that are answered and never stored, by their resource as RBAC names it. */
export type Reviews = ReadonlyMap<string, (object: KubeObject, request: ApiRequest) => KubeObject | Promise<KubeObject>>

/** What handles requests on resources of the declared kinds. */
export class Resources {
  readonly #core: Core
  readonly #subresources: Subresources

  readonly #reviews: Reviews

  constructor(options: { readonly core: Core; readonly subresources: Subresources; readonly reviews: Reviews }) {
    this.#core = options.core
    this.#subresources = options.subresources
    this.#reviews = options.reviews
  }

  /** Whether the group version has declared kinds. */
  serves(group: string, version: string): boolean {
    return servedVersions.has(`${group}/${version}`)
  }

  async handle(request: ApiRequest): Promise<Answer> {
    const { info } = request
    const named = findKind(info.group, info.version, info.resource)
    const declaration =
      named?.alias === undefined ? named : findKind(named.alias.kind.group, named.alias.kind.version, named.alias.kind.plural)
    const subresource = info.subresource === '' ? undefined : this.#subresourceOf(info.resource, info.subresource)
    if (declaration === undefined) throw pathNotFound()
    const { kind } = declaration
    if (kind.isNamespaced && info.namespace === '' && (info.name !== '' || !isCollectionRead(info.verb)))
      throw badRequestNamespace(declaration)
    const namespace = kind.isNamespaced ? info.namespace : ''
    const target: Target = { view: viewOf(declaration), namespace, name: info.name, ...(named === declaration ? {} : { retired: named! }) }
    if (info.subresource === '') return this.#handleObject(target, request)
    if (subresource === undefined || !isDeclared(declaration, info.subresource)) throw pathNotFound()
    return subresource(this.#core, target, request)
  }

  #subresourceOf(resource: string, subresource: string): SubresourceHandler | undefined {
    return this.#subresources.get(`${resource}/${subresource}`) ?? this.#subresources.get(subresource)
  }

  #handleObject(target: Target, request: ApiRequest): Promise<Answer> {
    const { declaration } = target.view
    const { verb, method } = request.info
    const isNameless = target.name === '' && (verb === 'update' || verb === 'patch')
    if (isNameless || !declaration.verbs.includes(verb)) throw methodNotAllowed(declaration.kind, method)
    switch (verb) {
      case 'get':
        return this.#get(target, request)
      case 'list':
        return this.#list(target, request)
      case 'watch':
        return planWatch(this.#core, target.view, request).then((plan) => ({ type: 'watch', plan }))
      case 'create':
        return this.#create(target, request)
      case 'update':
        return this.#update(target, request)
      case 'patch':
        return this.#patch(target, request)
      case 'delete':
        return this.#delete(target, request)
      default:
        return this.#deleteCollection(target, request)
    }
  }

  async #get({ view, namespace, name }: Target, request: ApiRequest): Promise<Answer> {
    const entry = this.#core.store.get(view.keyOf(namespace, name))
    if (entry === undefined) throw notFound(view.declaration.kind, name)
    return renderObject(view.declaration, view.present(entry), { request, now: this.#core.clock.now() })
  }

  async #list({ view }: Target, request: ApiRequest): Promise<Answer> {
    return renderList(view.declaration, await listObjects(this.#core, view, request), request, this.#core.clock.now())
  }

  async #create(target: Target, request: ApiRequest): Promise<Answer> {
    const { view } = target
    if (target.name !== '') throw methodNotAllowed(view.declaration.kind, 'POST')
    const review = this.#reviews.get(resourceOf(view.declaration))
    if (review !== undefined)
      return { type: 'object', code: 201, object: await review(decodeObject(request, view.declaration, undefined), request) }
    const object = decodeObject(request, view.declaration, target.retired)
    const created = await createObject(this.#core, target, object, contextOf(this.#core, request, view.declaration))
    return renderObject(view.declaration, created, { code: 201, request, now: this.#core.clock.now() })
  }

  async #update(target: Target, request: ApiRequest): Promise<Answer> {
    const { view } = target
    const { declaration } = view
    const object = decodeObject(request, declaration, target.retired)
    const context = contextOf(this.#core, request, declaration)
    if (declaration.createsOnUpdate === true && this.#core.store.get(view.keyOf(target.namespace, target.name)) === undefined) {
      object.metadata.name ??= target.name
      return renderObject(declaration, await createObject(this.#core, target, object, context), {
        code: 201,
        request,
        now: this.#core.clock.now(),
      })
    }
    const updated = await updateObject(this.#core, target, { ...context, subresource: '', change: () => copyJson(object) })
    return renderObject(declaration, updated, { request, now: this.#core.clock.now() })
  }

  async #patch(target: Target, request: ApiRequest): Promise<Answer> {
    const patch = withoutRetiredVersion(parsePatch(request.body), target.retired)
    if (patch.type === 'application/apply-patch+yaml') return this.#apply(target, patch, request)
    const { declaration } = target.view
    const expected = expectedOf(declaration)
    const change = (current: KubeObject) => patchObject(current, patch, expected, request)
    const updated = await updateObject(this.#core, target, { ...contextOf(this.#core, request, declaration), subresource: '', change })
    return renderObject(declaration, updated, { request, now: this.#core.clock.now() })
  }

  async #apply(target: Target, patch: Patch, request: ApiRequest): Promise<Answer> {
    const { view } = target
    const { declaration } = view
    const applied = appliedObject(patch, declaration, expectedOf(declaration), request)
    const apply = applierOf(this.#core, request, declaration)
    const { track: _, ...context } = contextOf(this.#core, request, declaration)
    const now = this.#core.clock.now()
    if (this.#core.store.get(view.keyOf(target.namespace, target.name)) === undefined) {
      applied.metadata.name ??= target.name
      const created = await createObject(this.#core, target, copyJson(apply(undefined, applied)), { ...context, keepsManagedFields: true })
      return renderObject(declaration, created, { code: 201, request, now })
    }
    const updated = await updateObject(this.#core, target, {
      ...context,
      subresource: '',
      change: (current) => copyJson(apply(current, copyJson(applied))),
    })
    return renderObject(declaration, updated, { request, now })
  }

  async #delete(target: Target, request: ApiRequest): Promise<Answer> {
    const { declaration } = target.view
    const options = parseDeleteOptions(request)
    const removal = await deleteObject(this.#core, target, { ...options, user: request.user, warnings: request.warnings })
    if (!removal.isGone) return renderObject(declaration, removal.last, { request, now: this.#core.clock.now() })
    return { type: 'object', code: 200, object: deletedStatus(declaration, removal) }
  }

  async #deleteCollection(target: Target, request: ApiRequest): Promise<Answer> {
    const { view } = target
    const options = parseDeleteOptions(request)
    const list = await listObjects(this.#core, view, request)
    const context = { ...options, user: request.user, warnings: request.warnings }
    await Promise.all(
      list.items.map(async ({ object: { metadata } }) => {
        const single = { view, namespace: metadata.namespace ?? '', name: metadata.name! }
        await deleteObject(this.#core, single, context).catch((error: unknown) => {
          if (!isGoneAlready(error)) throw error
        })
      }),
    )
    return renderList(view.declaration, list, request, this.#core.clock.now())
  }
}

const servedVersions = new Set(kinds.map(({ kind: { group, version } }) => `${group}/${version}`))

const isDeclared = (declaration: KindDeclaration, subresource: string) => declaration.subresources.includes(subresource.split('/')[0]!)

const isCollectionRead = (verb: string) => verb === 'list' || verb === 'watch' || verb === 'deletecollection'

const badRequestNamespace = ({ kind }: KindDeclaration) =>
  badRequest(`an empty namespace may not be set when a resource name is provided or objects are created (${kind.plural})`)

const isGoneAlready = (error: unknown) =>
  error instanceof Error && 'status' in error && (error.status as { reason?: string }).reason === 'NotFound'

/** What a successful removal is answered with. */
export function deletedStatus({ kind }: KindDeclaration, { last }: Removal): object {
  const { name, uid } = last.object.metadata
  const details = { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.plural, uid }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** The parts of a write that come from the request. */
export function contextOf(core: Core, request: ApiRequest, declaration: KindDeclaration, subresource = ''): WriteContext {
  return {
    user: request.user,
    isDryRun: isDryRun(request),
    warnings: request.warnings,
    ...(request.audit === undefined ? {} : { audit: request.audit }),
    ...(tracks(request) ? { track: trackerOf(core, request, declaration, subresource) } : {}),
  }
}

/** The server's own parts write often and are never in dispute with an applying client: their writes are not recorded. */
const tracks = (request: ApiRequest) => request.body === undefined || 'bytes' in request.body

function trackerOf(
  { clock }: Core,
  request: ApiRequest,
  { definition }: KindDeclaration,
  subresource: string,
): NonNullable<WriteContext['track']> {
  const options = { manager: managerOf(request), definition, now: clock.now(), ...(subresource === '' ? {} : { subresource }) }
  return (object, previous) => trackUpdate(object, previous, options)
}

const maxManagerLength = 128

/** The name under which a client's fields are recorded: what it says, or its program's name. */
function managerOf({ query, userAgent }: ApiRequest): string {
  const given = query.get('fieldManager') ?? ''
  if (given.length > maxManagerLength) throw badRequest(`fieldManager: Invalid value: may not be longer than ${maxManagerLength}`)
  return given === '' ? userAgent.split('/')[0]!.slice(0, maxManagerLength) || 'unknown' : given
}

/** Server-side apply as the request asks for it; throws when it names no manager. */
export function applierOf(
  { clock }: Core,
  request: ApiRequest,
  { definition }: KindDeclaration,
  subresource = '',
): (live: KubeObject | undefined, applied: KubeObject) => KubeObject {
  if ((request.query.get('fieldManager') ?? '') === '')
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
      { reason: 'FieldValueRequired', message: 'Required value: is required for apply patch', field: 'fieldManager' },
    ])
  const options = {
    manager: managerOf(request),
    force: request.query.get('force') === 'true',
    definition,
    now: clock.now(),
    ...(subresource === '' ? {} : { subresource }),
  }
  return (live, applied) => applyServerSide(live, applied, options)
}
