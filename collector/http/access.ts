import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** Who may ask. Without TLS and without a token everyone who reaches the listener, which is on loopback unless asked otherwise. */
export interface AccessOptions {
  /** PEM texts. With `clientCa`, a certificate signed by it is asked for and admits. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string }
  /** `Authorization: Bearer <token>` admits, and so does `Basic` with the token as the password, since browsers know no bearer tokens. */
  readonly bearerToken?: string
}

/** Whether a request may be answered: with any of the configured credentials, or when none is configured. */
export function isAdmitted(request: IncomingMessage, { tls, bearerToken }: AccessOptions): boolean {
  if (tls?.clientCa === undefined && bearerToken === undefined) return true
  if (tls?.clientCa !== undefined && isEncrypted(request.socket) && request.socket.authorized) return true
  const given = tokenIn(request.headers.authorization ?? '')
  return bearerToken !== undefined && given !== '' && isSame(given, bearerToken)
}

/** What a client that is not admitted is told to come with: a line `WWW-Authenticate` each, since browsers read only the first of a line. */
export function challengesOf({ bearerToken }: AccessOptions): readonly string[] {
  return bearerToken === undefined ? ['Bearer'] : ['Bearer', 'Basic realm="collector", charset="UTF-8"']
}

/** The token that either scheme carries; empty where there is none. */
function tokenIn(authorization: string): string {
  const [, scheme = '', value = ''] = /^(\S+) +(.+)$/.exec(authorization) ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic') return ''
  // Whatever the user's name is.
  return /^[^:]*:(.*)$/s.exec(Buffer.from(value, 'base64').toString())?.[1] ?? ''
}

/**
 * Why these addresses should not be listened on with this access: what a node runs is nobody else's business, so beyond loopback a client
 * certificate, a token or at least TLS is wanted. `undefined` when all is well.
 */
export function whyTooOpen(hosts: readonly string[], { tls, bearerToken }: AccessOptions): string | undefined {
  const open = hosts.filter((host) => !isLoopback(host))
  if (open.length === 0 || tls !== undefined || bearerToken !== undefined) return undefined
  return `${open.join(', ')} can be reached from other machines, and neither TLS nor a bearer token is configured`
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function isEncrypted(socket: IncomingMessage['socket']): socket is TLSSocket {
  return 'encrypted' in socket && socket.encrypted === true
}

/** Compares in a time that does not depend on where the texts differ. */
function isSame(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(left), digest(right))
}
