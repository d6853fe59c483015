import { X509Certificate } from 'node:crypto'

/** Part of a certificate's life after which another is asked for. */
const rotationPart = 0.8

/** When a certificate is to be replaced, milliseconds since the epoch: when four fifths of its life are over. */
export function rotationTimeOf(pem: string): number {
  const { validFrom, validTo } = new X509Certificate(pem)
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)]
  return from + (to - from) * rotationPart
}

/** Whether a certificate's time is over. */
export const isOver = (pem: string, now: number): boolean => Date.parse(new X509Certificate(pem).validTo) <= now

/** The names and addresses that a server's certificate is for. */
export const hostsOf = (pem: string): string[] =>
  (new X509Certificate(pem).subjectAltName ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''))
