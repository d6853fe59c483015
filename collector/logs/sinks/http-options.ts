import { readFileSync } from 'node:fs'
import type { Clock } from '../../../lib/clock.ts'
import type { TlsSettings } from '../../../lib/http-poster.ts'
import { WatchedFile } from '../../../lib/watched-file.ts'
import type { OptionNode, Secret } from './option-node.ts'

/** What a sink trusts, and how it shows who it is: files in PEM. */
export interface TlsOptions {
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly serverName: string | undefined
  readonly isUnverified: boolean
}

/** Reads `tls` with `ca_file`, `cert_file`, `key_file`, `server_name` and `insecure_skip_verify`. */
export function readTlsOptions(node: OptionNode): TlsOptions {
  const tls = node.child('tls')
  const options = {
    caFile: tls.file('ca_file'),
    certFile: tls.file('cert_file'),
    keyFile: tls.file('key_file'),
    serverName: tls.text('server_name'),
    isUnverified: tls.flag('insecure_skip_verify', false),
  }
  if (tls.has('cert_file') !== tls.has('key_file')) tls.problem('cert_file', 'and key_file go together; one is missing')
  tls.finish()
  return options
}

/** The files' contents as they are now. */
export function loadTls({ caFile, certFile, keyFile, serverName, isUnverified }: TlsOptions): TlsSettings {
  return {
    isUnverified,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
    ...(certFile === undefined || keyFile === undefined
      ? {}
      : { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }),
    ...(serverName === undefined ? {} : { serverName }),
  }
}

/** The files' contents, looked at again now and then: the same object as long as nothing has changed. */
export class TlsFiles {
  readonly #options: TlsOptions
  readonly #files: readonly WatchedFile[]
  #texts: readonly string[] = []
  #settings: TlsSettings | undefined

  constructor(options: TlsOptions, clock: Clock) {
    const { caFile, certFile, keyFile } = options
    this.#options = options
    this.#files = [caFile, certFile, keyFile].filter((path) => path !== undefined).map((path) => new WatchedFile(path, clock))
  }

  /** Throws where a file cannot be read and never could. */
  read(): TlsSettings {
    const texts = this.#files.map((file) => file.read())
    const isSame = this.#settings !== undefined && texts.every((text, index) => text === this.#texts[index])
    if (isSame) return this.#settings!
    this.#texts = texts
    return (this.#settings = loadTls(this.#options))
  }
}

/** How an HTTP sink shows who it is. */
export interface AuthOptions {
  /** The word before a token: `Bearer`, `Token`, `ApiKey`. */
  readonly scheme: string
  readonly user: string | undefined
  readonly password: Secret | undefined
  readonly token: Secret | undefined
}

/** Reads `basic_auth` (`username`, `password` or `password_file`) or a token, whose key and scheme are the receiver's (`bearer_token`, `api_key`). */
export function readAuthOptions(node: OptionNode, tokenKey = 'bearer_token', scheme = 'Bearer'): AuthOptions {
  const basic = node.child('basic_auth')
  const token = node.secret(tokenKey)
  if (basic.isPresent && token !== undefined) node.problem('basic_auth', `cannot be given together with ${tokenKey}`)
  const user = basic.isPresent ? basic.required('username') : undefined
  const password = basic.secret('password')
  basic.finish()
  return { scheme, user, password, token }
}

/** The headers for `options`, read anew for each request: files of secrets are replaced now and then. */
export function createAuthorizer({ scheme, user, password, token }: AuthOptions, clock: Clock): () => Readonly<Record<string, string>> {
  const readPassword = createSecretReader(password, clock)
  const readToken = createSecretReader(token, clock)
  if (user !== undefined) {
    return () => ({ authorization: `Basic ${Buffer.from(`${user}:${readPassword() ?? ''}`).toString('base64')}` })
  }
  return token === undefined ? () => ({}) : () => ({ authorization: `${scheme} ${readToken()}` })
}

/** Reads a secret as it is now; throws where its file cannot be read or holds what no header can carry. */
export function createSecretReader(secret: Secret | undefined, clock: Clock): () => string | undefined {
  if (secret === undefined) return () => undefined
  if ('value' in secret) return () => secret.value
  const file = new WatchedFile(secret.file, clock)
  return () => {
    const text = file.read().trim()
    if (!isHeaderValue(text)) throw new Error(`${secret.file} must hold printable ASCII`)
    return text
  }
}

/** Whether a text can stand in a header field. */
export function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}
