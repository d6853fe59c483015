import type { MetaV1LabelSelector } from './generated/kinds.ts'
import { LabelSelectorError, parseLabelSelector as parseText } from '../../lib/label-selector.ts'
import type { LabelRequirement, Labels, LabelSelector } from '../../lib/label-selector.ts'
import { badRequest } from './status-error.ts'

export { matchesLabels } from '../../lib/label-selector.ts'
export type { Labels, LabelSelector }

/** The selector of a plain map, as ReplicationControllers and Services have: every pair must be there. */
export function selectorFromMap(map: Labels | undefined): LabelSelector {
  return Object.entries(map ?? {}).map(([key, value]) => ({ key, operator: 'In', values: [value] }))
}

/** The selector of a `LabelSelector` object. As upstream: absent selects nothing (`undefined`), empty selects everything. */
export function selectorFromObject(object: MetaV1LabelSelector | undefined): LabelSelector | undefined {
  if (object === undefined) return undefined
  const expressions = (object.matchExpressions ?? []).map((expression) => ({
    key: expression.key,
    operator: expression.operator as LabelRequirement['operator'],
    values: expression.values ?? [],
  }))
  return [...selectorFromMap(object.matchLabels), ...expressions]
}

/** The text form of a selector, as `status.selector` of a Scale: sorted by key, `a=b,c in (d,e),!f`. */
export function formatLabelSelector(selector: LabelSelector): string {
  const sorted = [...selector].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return sorted.map(formatRequirement).join(',')
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  const list = [...values].sort().join(',')
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${list}` : `${key} in (${list})`
    case 'NotIn':
      return values.length === 1 ? `${key}!=${list}` : `${key} notin (${list})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    case 'Gt':
      return `${key}>${list}`
    case 'Lt':
      return `${key}<${list}`
  }
}

/** `parseLabelSelector` of `lib`, with a BadRequest for what is none. */
export function parseLabelSelector(text: string): LabelSelector {
  try {
    return parseText(text)
  } catch (error) {
    throw error instanceof LabelSelectorError ? badRequest(error.message) : error
  }
}
