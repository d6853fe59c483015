import { webcrypto } from 'node:crypto'
import type * as X509 from '@peculiar/x509'
import { lazyPackage } from './lazy-package.ts'

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** What a certificate is to say. `hosts` are DNS names and IP addresses it is valid for, as a server. */
export interface CertificateRequest {
  readonly commonName: string
  readonly organization?: string
  readonly hosts?: readonly string[]
  readonly isClient?: boolean
  readonly isServer?: boolean
  readonly now: number
}

/** How this project's authorities sign. */
export const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 24 * 3600 * 1000
/** Certificates are valid from a little before now, so that a clock that runs behind accepts them. */
const backdateMs = 5 * 60 * 1000
const authorityDays = 3650
const leafDays = 365

const metadata = lazyPackage<typeof import('reflect-metadata')>('reflect-metadata')
const library = lazyPackage<typeof X509>('@peculiar/x509')
let isPrepared = false

/** The library for certificates. Few processes need it, and those only now and then. */
export function loadX509(): typeof X509 {
  // It refuses to be loaded before the other.
  if (!isPrepared) metadata()
  const x509 = library()
  if (!isPrepared) x509.cryptoProvider.set(webcrypto)
  isPrepared = true
  return x509
}

/** A self-signed certificate authority, ECDSA P-256, valid for ten years. */
export async function createAuthority(commonName: string, now: number): Promise<KeyPair> {
  const x509 = loadX509()
  const keys = await generateKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: nameOf({ commonName }),
    keys,
    signingAlgorithm,
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(now + authorityDays * dayMs),
    serialNumber: serialNumber(),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: cert.toString('pem') + '\n', key: await exportKey(keys.privateKey) }
}

/** A certificate signed by `authority`, valid for one year. */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const x509 = loadX509()
  const keys = await generateKeys()
  const issuer = new x509.X509Certificate(authority.cert)
  const usages: string[] = []
  if (request.isServer === true) usages.push(x509.ExtendedKeyUsage.serverAuth)
  if (request.isClient === true) usages.push(x509.ExtendedKeyUsage.clientAuth)
  const cert = await x509.X509CertificateGenerator.create({
    subject: nameOf(request),
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm,
    notBefore: new Date(request.now - backdateMs),
    notAfter: new Date(request.now + leafDays * dayMs),
    serialNumber: serialNumber(),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      await authorityExtension(issuer),
      ...(request.hosts === undefined || request.hosts.length === 0 ? [] : [alternativeNames(request.hosts)]),
    ],
  })
  return { cert: cert.toString('pem') + '\n', key: await exportKey(keys.privateKey) }
}

/** A private key for signing tokens (ES256), PKCS #8 PEM. */
export async function createSigningKey(): Promise<string> {
  return exportKey((await generateKeys()).privateKey)
}

/** What is inside a certificate, as far as renewal has to know. */
export function inspectCertificate(pem: string): { readonly notAfter: number; readonly hosts: readonly string[] } {
  const x509 = loadX509()
  const cert = new x509.X509Certificate(pem)
  const names = cert.getExtension(x509.SubjectAlternativeNameExtension)
  return { notAfter: cert.notAfter.getTime(), hosts: names?.names.items.map((name) => name.value) ?? [] }
}

/** Names the authority's key, which tells authorities of the same name apart. */
export const authorityExtension = (issuer: X509.X509Certificate) => loadX509().AuthorityKeyIdentifierExtension.create(issuer.publicKey)

function alternativeNames(hosts: readonly string[]): X509.SubjectAlternativeNameExtension {
  return new (loadX509().SubjectAlternativeNameExtension)(
    hosts.map((host) => ({ type: /^[\d.]+$|:/.test(host) ? ('ip' as const) : ('dns' as const), value: host })),
  )
}

function nameOf({ commonName, organization }: { readonly commonName: string; readonly organization?: string }): X509.JsonName {
  return organization === undefined ? [{ CN: [commonName] }] : [{ O: [organization] }, { CN: [commonName] }]
}

/** 127 random bits: positive, and at most 20 octets, as RFC 5280 asks. */
export function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  bytes[0] = bytes[0]! & 0x7f
  return Buffer.from(bytes).toString('hex')
}

/** A key pair of the kind that all certificates here are made for. */
export async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])
}

/** A private key as PKCS #8 PEM. */
export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}

/** The key in a PEM that `exportKey` made. */
export async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return await webcrypto.subtle.importKey('pkcs8', der, signingAlgorithm, true, ['sign'])
}
