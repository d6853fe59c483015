import { stringify } from 'yaml'
import { encodeProtobuf } from '../../orchestrator/api/encode-protobuf.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import { toPartialMetadata, toTable } from '../../orchestrator/api/table.ts'
import type { IncludeObject } from '../../orchestrator/api/table.ts'
import { badRequest } from '../../orchestrator/api/status-error.ts'
import type { KindDeclaration } from '../../orchestrator/api/kind-declaration.ts'
import type { Answer } from './api-group.ts'
import { protobuf } from './negotiation.ts'
import type { Accepted, MediaType } from './negotiation.ts'
import type { Query } from './query.ts'

/** What a client sees of objects of a kind: themselves, rows of a Table, or their metadata. */
export interface Presenter {
  readonly one: (object: KubeObject) => object
  readonly list: (objects: readonly KubeObject[], resourceVersion: string) => object
}

/** The presenter for what was accepted. Throws a BadRequest for an `includeObject` that does not exist. */
export function presenterFor(declaration: KindDeclaration, as: Accepted['as'], query: Query, now: number): Presenter {
  if (as === 'Table') {
    const includeObject = readInclude(query)
    return {
      one: (object) => toTable(declaration, [object], { now, includeObject, ...versionOf(object) }),
      list: (objects, resourceVersion) => toTable(declaration, objects, { now, includeObject, resourceVersion }),
    }
  }
  const isPartial = as === 'PartialObjectMetadata'
  const { group, version, kind } = declaration.kind
  const names = isPartial
    ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
    : { kind: `${kind}List`, apiVersion: `${group}/${version}` }
  const one = (object: KubeObject) => (isPartial ? toPartialMetadata(object) : object)
  return { one, list: (objects, resourceVersion) => ({ ...names, metadata: { resourceVersion }, items: objects.map(one) }) }
}

/** The body of an answer as its client wants to see it. */
export function presentAnswer(answer: Answer, as: Accepted['as'], query: Query, now: number): object {
  if (answer.type === 'value') return answer.value
  const presenter = presenterFor(answer.declaration, as, query, now)
  return answer.type === 'object' ? presenter.one(answer.object) : presenter.list(answer.items, answer.resourceVersion)
}

/** A body in bytes. */
export function encodeBody(value: object, mediaType: MediaType): string | Uint8Array {
  if (mediaType === protobuf) return encodeProtobuf(value as Parameters<typeof encodeProtobuf>[0])
  if (mediaType === 'application/yaml') return stringify(value, { aliasDuplicateObjects: false })
  return JSON.stringify(value)
}

function readInclude(query: Query): IncludeObject {
  const include = query.get('includeObject') || 'Metadata'
  if (include === 'None' || include === 'Metadata' || include === 'Object') return include
  throw badRequest(`includeObject: invalid value ${JSON.stringify(include.slice(0, 100))}, must be one of None, Metadata, Object`)
}

function versionOf({ metadata: { resourceVersion } }: KubeObject): { resourceVersion?: string } {
  return resourceVersion === undefined ? {} : { resourceVersion }
}
