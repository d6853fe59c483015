import { type FieldSelector, matchesFields, parseFieldSelector } from '../../api/fields.ts'
import { type LabelSelector, matchesLabels, parseLabelSelector } from '../../api/labels.ts'
import type { KindDeclaration } from '../../api/kind-declaration.ts'
import type { KubeObject } from '../../api/object.ts'
import type { RequestInfo } from './request-info.ts'

/** Which objects of a collection a request is about. */
export interface Selection {
  /** True when nothing is filtered out. */
  readonly isEverything: boolean
  matches(object: KubeObject): boolean
}

const everything: Selection = { isEverything: true, matches: () => true }

/** The request's selectors, parsed. A name in the path of a watch selects that name. Throws a BadRequest for malformed ones. */
export function selectionOf(declaration: KindDeclaration, query: URLSearchParams, info: RequestInfo): Selection {
  const labelText = query.get('labelSelector') ?? ''
  const fieldText = query.get('fieldSelector') ?? ''
  const labels: LabelSelector = labelText === '' ? [] : parseLabelSelector(labelText)
  const fields: FieldSelector = fieldText === '' ? [] : parseFieldSelector(declaration, fieldText)
  const { name } = info
  if (labels.length === 0 && fields.length === 0 && name === '') return everything
  return {
    isEverything: false,
    matches: (object) =>
      (name === '' || object.metadata.name === name) &&
      matchesLabels(labels, object.metadata.labels) &&
      matchesFields(declaration, fields, object),
  }
}
