/** A piece of a template file, as Go's text/template has them. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipeline: Pipeline
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined }
  | { readonly kind: 'break' | 'continue' }

/** Commands with `|` between them; the last value goes to the variables, if there are any. */
export interface Pipeline {
  readonly variables: readonly string[]
  /** `:=` makes the variables, `=` changes them. */
  readonly isDeclaration: boolean
  readonly commands: readonly Command[]
}

/** A value alone, or a function or method and its arguments. */
export type Command = readonly Operand[]

export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | undefined }
  | { readonly kind: 'dot' }
  | { readonly kind: 'function'; readonly name: string }
  /** `.A.B`: fields of the dot. */
  | { readonly kind: 'field'; readonly path: readonly string[] }
  /** `$x.A`; the name without the dollar sign, empty for `$` itself. */
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  /** `(…).A` */
  | { readonly kind: 'group'; readonly pipeline: Pipeline; readonly path: readonly string[] }

/** Thrown for a template that cannot be; the message names the file or field and the line. */
export class TemplateError extends Error {
  readonly code = 'ETEMPLATE'
}
