import type { KindDeclaration } from '../../api/kind-declaration.ts'
import type { KubeObject } from '../../api/object.ts'
import { type IncludeObject, toPartialMetadata, toTable } from '../../api/table.ts'
import type { Answer, ApiRequest, ListAnswer } from '../request.ts'
import type { Presented } from './kind-view.ts'

/** One object in the form that the client accepts. */
export function renderObject(
  declaration: KindDeclaration,
  { object, bytes }: Presented,
  options: { readonly code?: number; readonly request: ApiRequest; readonly now: number },
): Answer {
  const { code = 200, request, now } = options
  switch (request.accepted.as) {
    case 'Table':
      return {
        type: 'object',
        code,
        object: toTable(declaration, [object], { now, includeObject: includeOf(request), ...revisionOf(object) }),
      }
    case 'PartialObjectMetadata':
      return { type: 'object', code, object: toPartialMetadata(object) }
    default:
      return { type: 'object', code, object, bytes }
  }
}

const revisionOf = ({ metadata: { resourceVersion } }: KubeObject) => (resourceVersion === undefined ? {} : { resourceVersion })

/** A LIST in the form that the client accepts. */
export function renderList(declaration: KindDeclaration, list: ListAnswer, request: ApiRequest, now: number): Answer {
  if (request.accepted.as === 'object') return list
  const objects = list.items.map(({ object }) => object)
  if (request.accepted.as === 'Table')
    return {
      type: 'object',
      code: 200,
      object: toTable(declaration, objects, { now, includeObject: includeOf(request), ...list.metadata }),
    }
  const items = objects.map(toPartialMetadata)
  return {
    type: 'object',
    code: 200,
    object: { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata: list.metadata, items },
  }
}

function includeOf({ query }: ApiRequest): IncludeObject {
  const include = query.get('includeObject')
  return include === 'None' || include === 'Object' ? include : 'Metadata'
}
