import { functionNames } from './functions.ts'
import { defaultLimits, render } from './interpreter.ts'
import type { RenderLimits } from './interpreter.ts'
import { parseTemplate } from './parser.ts'
import { TemplateError } from './syntax.ts'
import type { Node } from './syntax.ts'
import type { Value } from './value.ts'

/** A text of the configuration with Go's template actions in it, parsed and checked. */
export interface CompiledText {
  readonly source: string
  /** Throws `TemplateError` for what fails with this data, and for what takes too much. */
  render(data: Value, now: number): string
}

/**
 * The named templates that texts may call: those that were there from the beginning, and on top of them those of files. Later definitions
 * take the place of earlier ones, as in Alertmanager.
 */
export class TemplateSet {
  readonly #templates: Map<string, readonly Node[]>
  readonly #limits: RenderLimits

  constructor(base: ReadonlyMap<string, readonly Node[]> = new Map(), limits: RenderLimits = defaultLimits) {
    this.#templates = new Map(base)
    this.#limits = limits
  }

  get templates(): ReadonlyMap<string, readonly Node[]> {
    return this.#templates
  }

  /** Takes the definitions of a file, and the file itself under its name. Gives the templates that it calls, to be checked when all are read. */
  add(name: string, source: string): readonly { readonly name: string; readonly line: number }[] {
    const parsed = parseTemplate(name, source, functionNames)
    for (const [defined, nodes] of parsed.definitions) this.#templates.set(defined, nodes)
    return parsed.calls
  }

  has(name: string): boolean {
    return this.#templates.has(name)
  }

  /** Parses a text of the configuration. Throws `TemplateError` where it is none, or calls a template that is not there. */
  compile(source: string, mode: 'text' | 'html' = 'text'): CompiledText {
    if (!source.includes('{{')) return { source, render: () => source }
    const { body, definitions, calls } = parseTemplate('template', source, functionNames)
    const templates = definitions.size === 0 ? this.#templates : new Map([...this.#templates, ...definitions])
    const absent = calls.find(({ name }) => !templates.has(name))
    if (absent !== undefined) throw new TemplateError(`template ${JSON.stringify(absent.name)} is not defined`)
    const limits = this.#limits
    return { source, render: (data, now) => render(body, { templates, data, mode, now, limits }) }
  }
}
