import { createHash, X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { AuthenticationV1TokenReview } from '../../orchestrator/api/generated/kinds.ts'
import { unauthorized } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Authorities } from './authorities.ts'
import { ExpiringCache } from './expiring-cache.ts'

/** Who asks. */
export interface Identity {
  readonly user: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, string[]>>
}

/** A client certificate, with those that its holder sent along. */
export interface PeerChain {
  readonly certificates: readonly X509Certificate[]
  readonly commonName: string
  readonly organizations: readonly string[]
}

/** Header values as they came, one entry per header line: Node's `headersDistinct`. */
export type DistinctHeaders = Readonly<Record<string, readonly string[] | undefined>>

export interface AuthenticatorOptions {
  readonly client: Client
  readonly clock: Clock
}

/** What everybody is who is known to be nobody in particular. */
const anonymous: Identity = { user: 'system:anonymous', groups: ['system:unauthenticated'], extra: {} }

/** As upstream's delegated authentication: what a token review said may be this old. */
const tokenKeptMs = 10_000
const maxTokens = 4096
/** Longer tokens are refused without a question. */
const maxTokenLength = 64 << 10

/**
 * Finds out who asks. A certificate of the front-proxy authority with an allowed name speaks for the user in its headers; these headers
 * mean nothing from anybody else. A certificate of the client authority speaks for its own common name and organizations. A bearer token
 * is shown to the API server in a TokenReview, whose answer is kept for ten seconds. Throws an Unauthorized where there is none of these.
 */
export class Authenticator {
  readonly #client: Client
  readonly #tokens: ExpiringCache<Identity | undefined>
  #authorities: Authorities
  #clientAuthorities: readonly X509Certificate[] = []
  #proxyAuthorities: readonly X509Certificate[] = []

  constructor({ client, clock }: AuthenticatorOptions, authorities: Authorities) {
    this.#client = client
    this.#tokens = new ExpiringCache({ clock, ttlMs: () => tokenKeptMs, maxEntries: maxTokens })
    this.#authorities = authorities
    this.trust(authorities)
  }

  /** Puts other authorities in force, for requests from now on. Throws for a PEM that cannot be read, and changes nothing then. */
  trust(authorities: Authorities): void {
    const clients = splitPem(authorities.clientCa)
    this.#proxyAuthorities = splitPem(authorities.requestHeaderCa)
    this.#clientAuthorities = clients
    this.#authorities = authorities
  }

  async identify(peer: PeerChain | undefined, headers: DistinctHeaders): Promise<Identity> {
    const identity = (peer === undefined ? undefined : this.#identifyPeer(peer, headers)) ?? (await this.#identifyToken(headers))
    if (identity === undefined) throw unauthorized()
    return identity
  }

  #identifyPeer(peer: PeerChain, headers: DistinctHeaders): Identity | undefined {
    const { allowedNames, usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = this.#authorities
    const isNameAllowed = allowedNames.length === 0 || allowedNames.includes(peer.commonName)
    const isClient = isIssuedBy(peer.certificates, this.#clientAuthorities)
    if (isNameAllowed && isIssuedBy(peer.certificates, this.#proxyAuthorities)) {
      const user = firstOf(headers, usernameHeaders)
      if (user !== '') {
        const uid = firstOf(headers, uidHeaders)
        const groups = [...new Set([...groupHeaders.flatMap((name) => headers[name] ?? []), 'system:authenticated'])]
        return { user, ...(uid === '' ? {} : { uid }), groups, extra: readExtra(headers, extraHeaderPrefixes) }
      }
      if (!isClient) return anonymous
    }
    if (!isClient || peer.commonName === '') return undefined
    return { user: peer.commonName, groups: [...peer.organizations, 'system:authenticated'], extra: {} }
  }

  async #identifyToken(headers: DistinctHeaders): Promise<Identity | undefined> {
    const token = /^bearer +(\S+) *$/i.exec(headers['authorization']?.[0] ?? '')?.[1]
    if (token === undefined || token.length > maxTokenLength) return undefined
    // The token itself is not kept.
    return this.#tokens.get(createHash('sha256').update(token).digest('base64'), () => this.#review(token))
  }

  async #review(token: string): Promise<Identity | undefined> {
    const { status } = await this.#client.create(AuthenticationV1TokenReview, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec: { token },
    })
    const user = status?.user
    if (status?.authenticated !== true || !user?.username) return undefined
    const { username, uid, groups = [], extra = {} } = user
    return { user: username, ...(uid ? { uid } : {}), groups, extra: { ...extra } }
  }
}

/** The client's certificates of a connection whose chain the TLS layer has verified; `undefined` where it sent none or a bad one. */
export function readPeer(socket: TLSSocket): PeerChain | undefined {
  if (!socket.authorized) return undefined
  const first = socket.getPeerX509Certificate()
  if (first === undefined) return undefined
  const certificates: X509Certificate[] = []
  for (let next: X509Certificate | undefined = first; next !== undefined && certificates.length < 5; next = next.issuerCertificate)
    certificates.push(next)
  const { CN, O } = socket.getPeerCertificate().subject as { readonly CN?: string | string[]; readonly O?: string | string[] }
  return { certificates, commonName: [CN ?? []].flat()[0] ?? '', organizations: [O ?? []].flat() }
}

function isIssuedBy(certificates: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  return certificates.some((certificate) =>
    authorities.some((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey)),
  )
}

function splitPem(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

const firstOf = (headers: DistinctHeaders, names: readonly string[]) => names.flatMap((name) => headers[name] ?? []).find(Boolean) ?? ''

function readExtra(headers: DistinctHeaders, prefixes: readonly string[]): Record<string, string[]> {
  const entries = Object.entries(headers).flatMap(([name, value]) => {
    const prefix = prefixes.find((candidate) => name.startsWith(candidate))
    return prefix === undefined ? [] : [{ name: decode(name.slice(prefix.length)), values: [...(value ?? [])] }]
  })
  return Object.fromEntries(entries.map(({ name, values }) => [name, values]))
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
