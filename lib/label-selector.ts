/** A text that is no selector; the message names the text and what was expected. */
export class LabelSelectorError extends Error {
  readonly code = 'LABEL_SELECTOR'
}

/** An object's labels. */
export type Labels = Readonly<Record<string, string>>

/** One condition on one label; `values` is empty for `Exists` and `DoesNotExist`. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
  readonly values: readonly string[]
}

/** A parsed selector: every requirement must hold. None matches everything. */
export type LabelSelector = readonly LabelRequirement[]

/** Whether labels satisfy a selector. Absent labels count as none. */
export function matchesLabels(selector: LabelSelector, labels: Labels | undefined): boolean {
  for (const requirement of selector) if (!matchesRequirement(requirement, labels)) return false
  return true
}

function matchesRequirement({ key, operator, values }: LabelRequirement, labels: Labels | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0])
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0])
  }
}

const keyPattern =
  /^(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const valuePattern = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

/**
 * Parses a selector text: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`, joined by commas.
 * Throws a `LabelSelectorError` naming the text and what was expected.
 */
export function parseLabelSelector(text: string): LabelSelector {
  return new SelectorParser(text).parse()
}

class SelectorParser {
  private readonly tokens: readonly string[]
  private position = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
    this.tokens = text.match(/\s+|[(),]|!=|==|[=!<>]|[^\s(),=!<>]+/g)?.filter((token) => token.trim() !== '') ?? []
  }

  parse(): LabelSelector {
    const requirements: LabelRequirement[] = []
    if (this.tokens.length === 0) return requirements
    do requirements.push(this.requirement())
    while (this.accept(','))
    if (this.position < this.tokens.length) throw this.error(`found '${this.tokens[this.position]}', expected: ',' or end of string`)
    return requirements
  }

  private requirement(): LabelRequirement {
    if (this.accept('!')) return { key: this.key(), operator: 'DoesNotExist', values: [] }
    const key = this.key()
    const token = this.tokens[this.position]
    if (token === undefined || token === ',') return { key, operator: 'Exists', values: [] }
    this.position++
    if (token === 'in' || token === 'notin') return { key, operator: token === 'in' ? 'In' : 'NotIn', values: this.set() }
    if (token === '=' || token === '==') return { key, operator: 'In', values: [this.value()] }
    if (token === '!=') return { key, operator: 'NotIn', values: [this.value()] }
    if (token === '>' || token === '<') return { key, operator: token === '>' ? 'Gt' : 'Lt', values: [this.integer()] }
    throw this.error(`found '${token}', expected: in, notin, =, ==, !=, gt, lt`)
  }

  private set(): string[] {
    if (!this.accept('(')) throw this.error(`found '${this.tokens[this.position] ?? ''}', expected: '('`)
    const values: string[] = []
    do values.push(this.value())
    while (this.accept(','))
    if (!this.accept(')')) throw this.error(`found '${this.tokens[this.position] ?? ''}', expected: ')' or ','`)
    return values
  }

  private integer(): string {
    const value = this.value()
    if (!/^-?\d+$/.test(value)) throw this.error(`for 'Gt', 'Lt' operators, the value must be an integer, found '${value}'`)
    return value
  }

  private value(): string {
    const token = this.tokens[this.position]
    if (token === undefined || token === ',' || token === ')') return ''
    this.position++
    if (!valuePattern.test(token))
      throw this.error(
        `Invalid value: "${token}": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
      )
    return token
  }

  private key(): string {
    const token = this.tokens[this.position]
    if (token === undefined) throw this.error("found '', expected: identifier after ','")
    this.position++
    if (!keyPattern.test(token))
      throw this.error(
        `Invalid value: "${token}": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
      )
    return token
  }

  private accept(token: string): boolean {
    if (this.tokens[this.position] !== token) return false
    this.position++
    return true
  }

  private error(why: string) {
    return new LabelSelectorError(`unable to parse requirement: ${why} (selector ${JSON.stringify(this.text)})`)
  }
}
