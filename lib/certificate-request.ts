import type * as X509 from '@peculiar/x509'
import { authorityExtension, exportKey, generateKeys, importKey, loadX509, serialNumber, signingAlgorithm, type KeyPair } from './pki.ts'

/** What a certificate signing request (PKCS #10) asks for, beside its key. */
export interface RequestedIdentity {
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  readonly emailAddresses: readonly string[]
  readonly uris: readonly string[]
}

/** What a key may be used for, among what certificates for TLS say. */
export type KeyUse = 'digital signature' | 'key encipherment' | 'server auth' | 'client auth'

/** How a request is signed. Times are milliseconds since the epoch. */
export interface SigningTerms {
  readonly request: string
  readonly uses: readonly KeyUse[]
  readonly notBefore: number
  readonly notAfter: number
}

const pemPattern = /^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\s([A-Za-z0-9+/=\s]+)-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/
const keyUses: Partial<Record<KeyUse, 'digitalSignature' | 'keyEncipherment'>> = {
  'digital signature': 'digitalSignature',
  'key encipherment': 'keyEncipherment',
}
const extendedKeyUses: Partial<Record<KeyUse, 'serverAuth' | 'clientAuth'>> = {
  'server auth': 'serverAuth',
  'client auth': 'clientAuth',
}

/** Reads a PEM block `CERTIFICATE REQUEST`; throws where it is none. Its signature is not checked: signing does that. */
export function readCertificateRequest(pem: string): RequestedIdentity {
  const x509 = loadX509()
  const { subjectName, extensions } = parse(pem)
  const names = extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension)?.names.items ?? []
  const valuesOf = (type: X509.GeneralNameType) => names.filter((name) => name.type === type).map(({ value }) => value)
  return {
    commonName: subjectName.getField('CN')[0] ?? '',
    organizations: subjectName.getField('O'),
    dnsNames: valuesOf('dns'),
    ipAddresses: valuesOf('ip'),
    emailAddresses: valuesOf('email'),
    uris: valuesOf('url'),
  }
}

/** A certificate (PEM) for the key, subject and alternative names of a request. Rejects when the request is not signed by its own key. */
export async function signCertificateRequest(authority: KeyPair, { request, uses, notBefore, notAfter }: SigningTerms): Promise<string> {
  const x509 = loadX509()
  const parsed = parse(request)
  if (!(await parsed.verify())) throw new Error('the certificate request is not signed by the key that it names')
  const issuer = new x509.X509Certificate(authority.cert)
  const names = parsed.extensions.filter((extension) => extension instanceof x509.SubjectAlternativeNameExtension)
  const flags = uses.reduce((sum, use) => (keyUses[use] === undefined ? sum : sum | x509.KeyUsageFlags[keyUses[use]]), 0)
  const extended = uses.flatMap((use) => (extendedKeyUses[use] === undefined ? [] : x509.ExtendedKeyUsage[extendedKeyUses[use]]))
  const certificate = await x509.X509CertificateGenerator.create({
    subject: parsed.subjectName,
    issuer: issuer.subject,
    publicKey: parsed.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm,
    notBefore: new Date(notBefore),
    notAfter: new Date(Math.min(notAfter, issuer.notAfter.getTime())),
    serialNumber: serialNumber(),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      // An extension that allows nothing would forbid everything.
      ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
      ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
      await authorityExtension(issuer),
      ...names,
    ],
  })
  return `${certificate.toString('pem')}\n`
}

/** A key of its own and a request (PEM) for a certificate for it. */
export async function createCertificateRequest(
  identity: Partial<RequestedIdentity>,
): Promise<{ readonly request: string; readonly key: string }> {
  const { commonName = '', organizations = [], dnsNames = [], ipAddresses = [], emailAddresses = [], uris = [] } = identity
  const x509 = loadX509()
  const keys = await generateKeys()
  const names: X509.JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
    ...emailAddresses.map((value) => ({ type: 'email' as const, value })),
    ...uris.map((value) => ({ type: 'url' as const, value })),
  ]
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }],
    keys,
    signingAlgorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  })
  return { request: `${request.toString('pem')}\n`, key: await exportKey(keys.privateKey) }
}

function parse(pem: string): X509.Pkcs10CertificateRequest {
  const body = pemPattern.exec(pem.trim())?.[1]
  if (body === undefined) throw new Error('PEM block type must be CERTIFICATE REQUEST')
  try {
    return new (loadX509().Pkcs10CertificateRequest)(Buffer.from(body, 'base64'))
  } catch (cause) {
    throw new Error('the PEM block holds no PKCS #10 certificate request', { cause })
  }
}
