import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'

/** Who may ask. Without TLS and without a token everyone who reaches the listener, which is on loopback unless asked otherwise. */
export interface AccessOptions {
  /** PEM texts. With `clientCa`, a certificate signed by it is asked for and admits. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string }
  /** `Authorization: Bearer <token>` admits. */
  readonly bearerToken?: string
}

/** Whether a request may be answered: with any of the configured credentials, or when none is configured. */
export function isAdmitted(request: IncomingMessage, { tls, bearerToken }: AccessOptions): boolean {
  if (tls?.clientCa === undefined && bearerToken === undefined) return true
  if (tls?.clientCa !== undefined && request.socket instanceof TLSSocket && request.socket.authorized) return true
  return bearerToken !== undefined && isSame(request.headers.authorization ?? '', `Bearer ${bearerToken}`)
}

/** Compares in a time that does not depend on where the texts differ. */
function isSame(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(left), digest(right))
}
