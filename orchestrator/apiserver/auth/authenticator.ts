import { X509Certificate } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { TLSSocket } from 'node:tls'
import { unauthorized } from '../../api/status-error.ts'
import type { BootstrapTokens } from './bootstrap-tokens.ts'
import { digestOf } from './digest.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'
import { anonymous, authenticatedGroup, type User } from './user.ts'

/** What credentials are checked against. */
export interface AuthenticatorOptions {
  /** PEM of the authority of client certificates. */
  readonly clientCa: string
  /** Who may speak for others by headers: certificates of this authority with one of these common names (any, when the list is empty). */
  readonly frontProxy?: { readonly ca: string; readonly allowedNames: readonly string[] }
  /** Bearer tokens that never change. */
  readonly staticTokens?: Readonly<Record<string, User>>
  readonly serviceAccountTokens: ServiceAccountTokens
  readonly bootstrapTokens: BootstrapTokens
}

/** Tells who makes a request. */
export class Authenticator {
  readonly #clientCa: X509Certificate
  readonly #frontProxyCa: X509Certificate | undefined
  readonly #allowedNames: readonly string[]
  readonly #staticTokens: ReadonlyMap<string, User>
  readonly #serviceAccountTokens: ServiceAccountTokens
  readonly #bootstrapTokens: BootstrapTokens
  /** Certificates are checked once per connection. */
  readonly #bySocket = new WeakMap<TLSSocket, ConnectionIdentity>()

  constructor(options: AuthenticatorOptions) {
    this.#clientCa = new X509Certificate(options.clientCa)
    this.#frontProxyCa = options.frontProxy === undefined ? undefined : new X509Certificate(options.frontProxy.ca)
    this.#allowedNames = options.frontProxy?.allowedNames ?? []
    // Looked up by digest, so that the time a lookup takes says nothing about a token.
    this.#staticTokens = new Map(Object.entries(options.staticTokens ?? {}).map(([token, user]) => [digestOf(token), user]))
    this.#serviceAccountTokens = options.serviceAccountTokens
    this.#bootstrapTokens = options.bootstrapTokens
  }

  /** The user of a request on `socket`; anonymous without credentials. Throws 401 for credentials that are not good. */
  async authenticate(socket: unknown, headers: IncomingHttpHeaders): Promise<User> {
    const identity = this.#identify(socket)
    if (identity.isFrontProxy) {
      const user = userOfHeaders(headers)
      if (user !== undefined) return user
    }
    const { authorization } = headers
    if (authorization !== undefined && /^bearer /i.test(authorization)) return this.#authenticateToken(authorization.slice(7).trim())
    if (identity.isRejected) throw unauthorized()
    return identity.user ?? anonymous
  }

  /** The user of a bearer token; throws 401 for one that is not good. */
  async #authenticateToken(token: string): Promise<User> {
    const user = await this.authenticateToken(token)
    if (user === undefined) throw unauthorized()
    return user
  }

  /** The user of a bearer token for one of `audiences` (our own by default); `undefined` for one that is not good. */
  async authenticateToken(token: string, audiences?: readonly string[]): Promise<User | undefined> {
    const known = this.#staticTokens.get(digestOf(token))
    if (known !== undefined)
      return known.groups.includes(authenticatedGroup) ? known : { ...known, groups: [...known.groups, authenticatedGroup] }
    return this.#bootstrapTokens.verify(token) ?? this.#serviceAccountTokens.verify(token, audiences)
  }

  #identify(socket: unknown): ConnectionIdentity {
    if (!(socket instanceof TLSSocket)) return noIdentity
    let identity = this.#bySocket.get(socket)
    if (identity === undefined) {
      identity = this.#identityOf(socket)
      this.#bySocket.set(socket, identity)
    }
    return identity
  }

  #identityOf(socket: TLSSocket): ConnectionIdentity {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return noIdentity
    if (!socket.authorized) return { isFrontProxy: false, isRejected: true }
    const { CN = '', O = [] } = certificate.toLegacyObject().subject as unknown as { CN?: string | string[]; O?: string | string[] }
    const name = Array.isArray(CN) ? CN[0]! : CN
    if (isIssuedBy(certificate, this.#clientCa)) {
      const groups = Array.isArray(O) ? O : [O]
      return name === ''
        ? { isFrontProxy: false, isRejected: true }
        : { isFrontProxy: false, isRejected: false, user: { name, groups: [...groups, authenticatedGroup] } }
    }
    const isFrontProxy =
      this.#frontProxyCa !== undefined &&
      isIssuedBy(certificate, this.#frontProxyCa) &&
      (this.#allowedNames.length === 0 || this.#allowedNames.includes(name))
    // A front proxy speaks for others only; by itself it is nobody.
    return { isFrontProxy, isRejected: true }
  }
}

interface ConnectionIdentity {
  readonly user?: User
  readonly isFrontProxy: boolean
  /** A certificate was shown that is not good for anything. */
  readonly isRejected: boolean
}

const noIdentity: ConnectionIdentity = { isFrontProxy: false, isRejected: false }

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

const extraPrefix = 'x-remote-extra-'

function userOfHeaders(headers: IncomingHttpHeaders): User | undefined {
  const name = headers['x-remote-user']
  if (typeof name !== 'string' || name === '') return undefined
  const groups = valuesOf(headers['x-remote-group'])
  const extra: Record<string, readonly string[]> = {}
  for (const [header, value] of Object.entries(headers))
    if (header.startsWith(extraPrefix)) extra[decodeHeader(header.slice(extraPrefix.length))] = valuesOf(value)
  return { name, groups: groups.includes(authenticatedGroup) ? groups : [...groups, authenticatedGroup], extra }
}

/** Repeated headers arrive joined by commas; group names have none. */
function valuesOf(value: string | string[] | undefined): string[] {
  return (Array.isArray(value) ? value : (value ?? '').split(',')).map((part) => part.trim()).filter((part) => part !== '')
}

function decodeHeader(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
