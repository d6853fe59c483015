import type { KindDeclaration } from './kind-declaration.ts'
import type { KubeObject } from './object.ts'
import { badRequest } from './status-error.ts'

/** One condition on one field. */
export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

/** A parsed field selector: every requirement must hold. */
export type FieldSelector = readonly FieldRequirement[]

/**
 * Parses `a=b,c!=d` (also `==`; `\`, `,` and `=` are escaped with a backslash) and checks that the kind can be selected by each field.
 * Throws a BadRequest in upstream's words.
 */
export function parseFieldSelector(declaration: KindDeclaration, text: string): FieldSelector {
  const requirements: FieldRequirement[] = []
  for (const term of splitTerms(text)) {
    if (term === '') continue
    const match = /^((?:[^\\=!]|\\.)*)(==|!=|=)(.*)$/s.exec(term)
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
    const field = match[1]!.trim()
    if (!Object.hasOwn(declaration.selectableFields, field)) throw badRequest(`field label not supported: ${field}`)
    requirements.push({ field, operator: match[2] === '!=' ? '!=' : '=', value: match[3]!.replace(/\\([\\,=])/g, '$1') })
  }
  return requirements
}

function splitTerms(text: string): string[] {
  const terms: string[] = []
  let term = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '\\' && at + 1 < text.length) term += character + text[++at]!
    else if (character === ',') {
      terms.push(term)
      term = ''
    } else term += character
  }
  return [...terms, term]
}

/** Whether an object satisfies a selector that was parsed for its kind. */
export function matchesFields<T extends KubeObject>(declaration: KindDeclaration<T>, selector: FieldSelector, object: T): boolean {
  return selector.every(({ field, operator, value }) => (declaration.selectableFields[field]!(object) === value) === (operator === '='))
}
