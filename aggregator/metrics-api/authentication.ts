import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { unauthorized } from '../../orchestrator/api/status-error.ts'

/** Who asks. */
export interface Identity {
  readonly user: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, string[]>>
}

export interface AuthenticationOptions {
  /** PEM of the authorities whose client certificates name users. */
  readonly clientCa: string
  /** PEM of the authorities of front proxies, which name the user in headers. */
  readonly requestHeaderCa: string
  /** Common names that a front proxy's certificate may have; empty allows any of that authority. */
  readonly allowedNames: readonly string[]
}

/** A client certificate, with those that its holder sent along. */
export interface PeerChain {
  readonly certificates: readonly X509Certificate[]
  readonly commonName: string
  readonly organizations: readonly string[]
}

/** Header values as they came, one entry per header line: Node's `headersDistinct`. */
export type DistinctHeaders = Readonly<Record<string, readonly string[] | undefined>>

/** What everybody is who is known to be nobody in particular. */
export const anonymous: Identity = { user: 'system:anonymous', groups: ['system:unauthenticated'], extra: {} }

/**
 * Finds out who asks. A certificate of the front-proxy authority with an allowed name speaks for the user in its `X-Remote-*` headers; these
 * headers mean nothing from anybody else. A certificate of the client authority speaks for its own common name and organizations. Throws
 * an Unauthorized where there is neither.
 */
export function createAuthenticator(options: AuthenticationOptions): (peer: PeerChain | undefined, headers: DistinctHeaders) => Identity {
  const clientAuthorities = splitPem(options.clientCa)
  const proxyAuthorities = splitPem(options.requestHeaderCa)
  return (peer, headers) => {
    if (peer === undefined) throw unauthorized()
    const isNameAllowed = options.allowedNames.length === 0 || options.allowedNames.includes(peer.commonName)
    if (isNameAllowed && isIssuedBy(peer.certificates, proxyAuthorities)) {
      const user = headers['x-remote-user']?.[0] ?? ''
      if (user !== '') return { user, groups: [...(headers['x-remote-group'] ?? []), 'system:authenticated'], extra: readExtra(headers) }
      if (!isIssuedBy(peer.certificates, clientAuthorities)) return anonymous
    }
    if (!isIssuedBy(peer.certificates, clientAuthorities) || peer.commonName === '') throw unauthorized()
    return { user: peer.commonName, groups: [...peer.organizations, 'system:authenticated'], extra: {} }
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

const extraPrefix = 'x-remote-extra-'

function readExtra(headers: DistinctHeaders): Record<string, string[]> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith(extraPrefix))
  return Object.fromEntries(entries.map(([name, value]) => [decode(name.slice(extraPrefix.length)), [...(value ?? [])]]))
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
