/** The options of a sink cannot be used; the message names the sink, the option, its value (unless it is a secret) and what is allowed. */
export class SinkUriError extends Error {
  readonly code = 'SINK_URI'

  constructor(message: string) {
    super(message)
    this.name = 'SinkUriError'
  }
}

interface TextRule {
  readonly default?: string
  /** What the whole value must match, and how to say that. */
  readonly pattern?: RegExp
  readonly allowed?: string
}

const maxShownLength = 100

/**
 * A sink's URI as Heapster writes them: `kind`, `kind:url` or `kind:url?option=value&…`. Every option is read once by its name; `finish`
 * refuses what nobody has asked for. A user and password inside the URL count as the options `user` and `pw`.
 */
export class SinkUri {
  readonly kind: string
  readonly #url: URL | undefined
  readonly #values: Map<string, string>
  readonly #known = new Set<string>()
  readonly #secrets = new Set<string>()

  /** Throws a `SinkUriError` when the text is none. */
  constructor(text: string) {
    const [head = '', query] = splitOnce(text, '?')
    const [kind = '', target = ''] = splitOnce(head, ':')
    if (!/^[a-z][a-z0-9-]*$/.test(kind)) throw new SinkUriError('sink: must begin with the name of its kind, such as "influxdb:http://…"')
    this.kind = kind
    this.#values = readQuery(kind, query ?? '')
    if (target !== '') this.#url = this.#readUrl(target)
  }

  /** The address that must be there, with one of these protocols. Path and query are left to the caller; no credentials. */
  address(protocols: readonly string[], example: string): URL {
    const url = this.#url
    if (url === undefined) throw this.#error(`an address is missing, such as "${this.kind}:${example}"`)
    if (!protocols.includes(url.protocol.slice(0, -1))) {
      throw this.#error(`protocol "${url.protocol.slice(0, -1)}" is not one of ${protocols.join(', ')}, as in "${this.kind}:${example}"`)
    }
    return url
  }

  /** Refuses an address where the kind has none. */
  noAddress(): void {
    if (this.#url !== undefined) throw this.#error('takes no address')
  }

  text(name: string, rule: TextRule & { readonly default: string }): string
  text(name: string, rule?: TextRule): string | undefined
  text(name: string, { default: fallback, pattern, allowed = '' }: TextRule = {}): string | undefined {
    const value = this.#take(name)
    if (value === undefined) return fallback
    if (pattern !== undefined && !pattern.test(value)) throw this.#refuse(name, value, allowed)
    return value
  }

  /** A value that is shown nowhere. */
  secret(name: string): string | undefined {
    this.#secrets.add(name)
    return this.#take(name)
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#take(name)
    if (value === undefined) return fallback
    if (value !== 'true' && value !== 'false') throw this.#refuse(name, value, '"true" or "false"')
    return value === 'true'
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.#take(name)
    if (value === undefined) return fallback
    const found = allowed.find((one) => one === value)
    if (found === undefined) throw this.#refuse(name, value, `one of ${allowed.join(', ')}`)
    return found
  }

  integer(name: string, { min, max, default: fallback }: { readonly min: number; readonly max: number; readonly default: number }): number {
    const value = this.#take(name)
    if (value === undefined) return fallback
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= min && number <= max)) throw this.#refuse(name, value, `a whole number from ${min} to ${max}`)
    return number
  }

  /** A list with commas between its values. */
  list(name: string, rule: TextRule = {}): readonly string[] | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    const items = value.split(',').map((item) => item.trim())
    for (const item of items)
      if (item === '' || rule.pattern?.test(item) === false) throw this.#refuse(name, item, rule.allowed ?? 'not empty')
    return items
  }

  /** To be called when every option has been read: refuses the others. */
  finish(): void {
    const strange = [...this.#values.keys()].find((name) => !this.#known.has(name))
    if (strange === undefined) return
    throw this.#error(`option ${quote(strange)} is not known; allowed: ${[...this.#known].sort().join(', ')}`)
  }

  /** The URI with secrets left out. To be called after `finish`. */
  describe(): string {
    const address = this.#url === undefined ? '' : `:${this.#url.toString().replace(/\/$/, '')}`
    const query = [...this.#values].map(([name, value]) => `${name}=${this.#secrets.has(name) ? '***' : encodeURIComponent(value)}`)
    return `${this.kind}${address}${query.length === 0 ? '' : `?${query.join('&')}`}`
  }

  #take(name: string): string | undefined {
    this.#known.add(name)
    const value = this.#values.get(name)
    return value === '' ? undefined : value
  }

  #readUrl(target: string): URL {
    if (!URL.canParse(target)) throw this.#error('the address cannot be read; it must look like "http://host:8086"')
    const url = new URL(target)
    if (url.hostname === '') throw this.#error('the address names no host')
    if (url.username !== '') this.#values.set('user', decodeURIComponent(url.username))
    if (url.password !== '') this.#values.set('pw', decodeURIComponent(url.password))
    url.username = ''
    url.password = ''
    return url
  }

  #refuse(name: string, value: string, allowed: string): SinkUriError {
    return this.#error(`${name}: ${quote(value)} is not ${allowed}`)
  }

  #error(problem: string): SinkUriError {
    return new SinkUriError(`sink ${this.kind}: ${problem}`)
  }
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function readQuery(kind: string, query: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (values.has(name)) throw new SinkUriError(`sink ${kind}: option ${quote(name)} is given twice`)
    values.set(name, value)
  }
  return values
}

function quote(text: string): string {
  return JSON.stringify(text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text)
}
