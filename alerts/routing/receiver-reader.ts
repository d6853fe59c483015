import type { DocumentReader, Field } from '../../lib/document.ts'
import { durationForm, parseDuration } from '../../lib/duration.ts'
import type { HttpSettings } from '../delivery/http-integration.ts'
import type { CompiledText, TemplateSet } from '../template/template-set.ts'
import type { Globals } from './globals.ts'
import type { FieldText, HttpReceiverSettings, Secret, TlsSettings } from './receiver.ts'

/** Reads a file that a configuration names (`ca_file`, `api_key_file`); throws an `Error` with a `code` where it cannot. */
export type ReadSecretFile = (path: string) => string

const tlsKeys = ['ca_file', 'cert_file', 'key_file', 'server_name', 'insecure_skip_verify', 'min_version', 'max_version'] as const
const httpKeys = [
  'basic_auth',
  'authorization',
  'bearer_token',
  'bearer_token_file',
  'tls_config',
  'follow_redirects',
  'enable_http2',
  'proxy_url',
  'no_proxy',
  'http_headers',
] as const

const tlsVersions = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const

/** Reads one entry of `receivers`, such as one of `slack_configs`. */
export interface ReceiverKind {
  /** The key in the file. */
  readonly key: string
  readonly kind: string
  /** `send_resolved` where nothing is said. */
  readonly sendResolved: boolean
  readonly keys: readonly string[]
  /** `undefined` where there was a problem. */
  read(fields: Fields, context: ReceiverReader): ReceiverParts | undefined
}

export type Fields = Readonly<Partial<Record<string, Field>>> & { readonly self: Field }

/** What a kind adds to what all kinds have. */
export type ReceiverParts = Pick<HttpReceiverSettings, 'compose' | 'classify'> & {
  readonly isStateful?: boolean
  readonly timeoutMs?: number
}

const defaultTimeoutMs = 10_000

/** Helps kinds of receivers to read their entries: texts with templates, secrets, ways over HTTP. */
export class ReceiverReader {
  readonly document: DocumentReader
  readonly globals: Globals
  readonly #templates: TemplateSet
  readonly #readFile: ReadSecretFile

  constructor(options: {
    readonly document: DocumentReader
    readonly globals: Globals
    readonly templates: TemplateSet
    readonly readFile: ReadSecretFile
  }) {
    this.document = options.document
    this.globals = options.globals
    this.#templates = options.templates
    this.#readFile = options.readFile
  }

  /** Reads an entry of a kind that is called over HTTP. */
  readHttp(kind: ReceiverKind, field: Field): HttpReceiverSettings | undefined {
    const fields = this.document.record(field, ['send_resolved', 'http_config', 'timeout', 'allow_link_local', ...kind.keys])
    const allowLinkLocal = this.document.boolean(fields['allow_link_local']) ?? false
    const own = fields['http_config']
    const http = { ...(own === undefined ? this.globals.http : readHttpSettings(this.document, own, this.#readFile)), allowLinkLocal }
    const timeoutMs = this.document.parsed(fields['timeout'], parseDuration, durationForm) ?? 0
    const sendResolved = this.document.boolean(fields['send_resolved']) ?? kind.sendResolved
    const parts = kind.read({ ...fields, self: field }, this)
    if (parts === undefined) return undefined
    const { isStateful = false, ...rest } = parts
    return { timeoutMs: timeoutMs === 0 ? defaultTimeoutMs : timeoutMs, ...rest, kind: kind.kind, sendResolved, http, isStateful }
  }

  /** A text with Go's template actions. `standard` is the text that is used where none is given, or where that one fails. */
  text(field: Field | undefined, standard = '', mode: 'text' | 'html' = 'text'): FieldText {
    const source = this.document.text(field)
    const own = field === undefined || source === undefined || source === standard ? undefined : this.compile(field, source, mode)
    return { own, standard: this.#templates.compile(standard, mode) }
  }

  compile(field: Field, source: string, mode: 'text' | 'html' = 'text'): CompiledText | undefined {
    return this.document.attempt(field, () => this.#templates.compile(source, mode))
  }

  /** A mapping of free keys to texts with templates. */
  texts(field: Field | undefined): Readonly<Record<string, FieldText>> {
    if (field === undefined) return {}
    return Object.fromEntries(this.document.entries(field).map(([name, member]) => [name, this.text(member)]))
  }

  /** A secret that is written in the file, or the file that holds it. */
  secret(inline: Field | undefined, file: Field | undefined): Secret | undefined {
    return readSecret(this.document, inline, file)
  }

  /** The same, where one must be there: `names` tells which fields could have given it. */
  requiredSecret(self: Field, secret: Secret | undefined, names: string): Secret | undefined {
    return secret ?? this.document.problem(self, `${names} must be given`)
  }

  /** A URL that is written in the file is checked here, one from a file when it is used. */
  url(inline: Field | undefined, file: Field | undefined, name: string): Secret | undefined {
    const secret = this.secret(inline, file)
    if (secret !== undefined && 'text' in secret && !isHttpUrl(secret.text)) {
      this.document.problem(inline!, `${name} must be an http:// or https:// URL`)
    }
    return secret
  }

  tls(field: Field | undefined): TlsSettings {
    return readTls(this.document, field, this.#readFile)
  }

  /** A whole number within bounds. */
  count(field: Field | undefined, fallback: number): number {
    const value = this.document.number(field) ?? fallback
    if (field !== undefined && (!Number.isInteger(value) || value < 0)) this.document.problem(field, 'must be a whole number, 0 or more')
    return value
  }
}

/** A secret that is written in the file, or the file that holds it. */
export function readSecret(document: DocumentReader, inline: Field | undefined, file: Field | undefined): Secret | undefined {
  if (inline !== undefined && file !== undefined) document.problem(file, 'at most one of the secret and its file may be given')
  if (inline !== undefined) {
    const text = document.text(inline)
    return text === undefined ? undefined : { text }
  }
  const path = document.text(file)
  return path === undefined ? undefined : { file: path }
}

export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

/** `http_config`. OAuth 2, SPIFFE and the environment's proxies are refused by name. */
export function readHttpSettings(document: DocumentReader, field: Field | undefined, readFile: ReadSecretFile): HttpSettings {
  const fields = field === undefined ? {} : document.record(field, httpKeys)
  const authorization = readAuthorization(document, fields)
  const proxyUrl = document.text(fields.proxy_url)
  if (proxyUrl !== undefined && proxyUrl !== '' && !isHttpUrl(proxyUrl))
    document.problem(fields.proxy_url!, 'must be an http:// or https:// URL')
  const noProxy = document.text(fields.no_proxy)
  const headers = readHeaders(document, fields.http_headers)
  return {
    tls: readTls(document, fields.tls_config, readFile),
    followRedirects: document.boolean(fields.follow_redirects) ?? true,
    allowLinkLocal: false,
    ...(authorization !== undefined && { authorization }),
    ...(headers !== undefined && { headers }),
    ...(proxyUrl !== undefined && proxyUrl !== '' && { proxyUrl }),
    ...(noProxy !== undefined && { noProxy }),
  }
}

function readAuthorization(
  document: DocumentReader,
  http: Partial<Record<(typeof httpKeys)[number], Field>>,
): HttpSettings['authorization'] {
  if (http.basic_auth !== undefined) {
    const basic = document.record(http.basic_auth, ['username', 'password', 'password_file'], ['username'])
    const credentials = readSecret(document, basic.password, basic.password_file) ?? { text: '' }
    return { scheme: 'Basic', user: document.text(basic.username) ?? '', credentials }
  }
  if (http.authorization !== undefined) {
    const own = document.record(http.authorization, ['type', 'credentials', 'credentials_file'])
    const credentials = readSecret(document, own.credentials, own.credentials_file) ?? { text: '' }
    return { scheme: document.text(own.type) ?? 'Bearer', credentials }
  }
  const token = readSecret(document, http.bearer_token, http.bearer_token_file)
  return token === undefined ? undefined : { scheme: 'Bearer', credentials: token }
}

/** `http_headers`: the first of a header's values, secrets and files. */
function readHeaders(document: DocumentReader, field: Field | undefined): Record<string, Secret> | undefined {
  if (field === undefined) return undefined
  const headers = document.entries(field).flatMap(([name, member]): [string, Secret][] => {
    if (!isHeaderName(name)) return document.problem(member, `${name} is not a header name`) ?? []
    const fields = document.record(member, ['values', 'secrets', 'files'])
    const given = [
      ...document.texts(fields.values).map((text) => ({ text })),
      ...document.texts(fields.secrets).map((text) => ({ text })),
      ...document.texts(fields.files).map((file) => ({ file })),
    ]
    if (given.length !== 1) return document.problem(member, 'exactly one value, secret or file is supported') ?? []
    return [[name, given[0]!]]
  })
  return Object.fromEntries(headers)
}

/** What may stand before the colon of a header. */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)
}

/** `tls_config`. */
export function readTls(document: DocumentReader, field: Field | undefined, readFile: ReadSecretFile): TlsSettings {
  const fields = field === undefined ? {} : document.record(field, tlsKeys)
  const readPem = (file: Field | undefined) => file && document.attempt(file, () => readFile(document.text(file) ?? '').trim())
  const [ca, cert, key] = [readPem(fields.ca_file), readPem(fields.cert_file), readPem(fields.key_file)]
  const serverName = document.text(fields.server_name)
  const version = document.word(fields.min_version, Object.keys(tlsVersions) as (keyof typeof tlsVersions)[])
  return {
    isInsecure: document.boolean(fields.insecure_skip_verify) ?? false,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { serverName }),
    ...(version !== undefined && { minVersion: tlsVersions[version] }),
  }
}
