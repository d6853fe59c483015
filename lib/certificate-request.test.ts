import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { createCertificateRequest, readCertificateRequest, signCertificateRequest } from './certificate-request.ts'
import { createAuthority, issueCertificate } from './pki.ts'

const now = Date.UTC(2026, 0, 1)
const identity = {
  commonName: 'system:node:n1',
  organizations: ['system:nodes', 'others'],
  dnsNames: ['n1.example.com'],
  ipAddresses: ['10.0.0.1', 'fd00::1'],
  emailAddresses: ['a@example.com'],
  uris: ['spiffe://n1'],
}

describe('a certificate request', () => {
  it('says who asks and for which names', async () => {
    const { request } = await createCertificateRequest(identity)
    expect(readCertificateRequest(request)).toMatchObject({ ...identity, ipAddresses: ['10.0.0.1', expect.stringMatching(/^fd00:/)] })
    expect(readCertificateRequest((await createCertificateRequest({})).request)).toMatchObject({ commonName: '', organizations: [] })
  })

  it.each([
    ['nothing', '', 'block type'],
    ['a text', 'hello', 'block type'],
    ['a block of another type', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'block type'],
    ['a block without a request', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n', 'holds no PKCS #10'],
  ])('is refused when it is %s', (_, pem, message) => {
    expect(() => readCertificateRequest(pem)).toThrow(message)
  })

  it('that is a megabyte of blanks is refused, too', () => {
    const pem = `-----BEGIN CERTIFICATE REQUEST-----${'\n '.repeat(500_000)}x-----END`
    expect(() => readCertificateRequest(pem)).toThrow('block type')
  })

  it('becomes a certificate for its own key and names, for the given uses and time', async () => {
    const authority = await createAuthority('ca', now)
    const { request, key } = await createCertificateRequest(identity)
    const pem = await signCertificateRequest(authority, {
      request,
      uses: ['digital signature', 'client auth'],
      notBefore: now,
      notAfter: now + 3_600_000,
    })
    const certificate = new X509Certificate(pem)
    expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true)
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true)
    expect(certificate.subject.split('\n').sort()).toEqual(['CN=system:node:n1', 'O=others', 'O=system:nodes'])
    expect(certificate.subjectAltName).toContain('DNS:n1.example.com')
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(certificate.ca).toBe(false)
    expect(new Date(certificate.validTo).getTime()).toBe(now + 3_600_000)
  })

  it('for one purpose only becomes a certificate that TLS takes for it', async () => {
    const authority = await createAuthority('ca', Date.now())
    const { request, key } = await createCertificateRequest({ commonName: 'jane' })
    const terms = { request, uses: ['client auth' as const], notBefore: Date.now() - 60_000, notAfter: Date.now() + 60_000 }
    const cert = await signCertificateRequest(authority, terms)
    const server = await issueCertificate(authority, { commonName: 's', isServer: true, hosts: ['localhost'], now: Date.now() })
    const isAuthorized = await new Promise<boolean>((resolve, reject) => {
      const listener = createServer({ ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: false }, (socket) => {
        resolve(socket.authorized)
        socket.end()
        listener.close()
      })
      listener.listen(0, '127.0.0.1', () => {
        const { port } = listener.address() as AddressInfo
        const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert, cert, key })
        socket.on('error', reject)
        socket.resume()
      })
    })
    expect(isAuthorized).toBe(true)
  })

  it('gets no certificate that outlives the authority, and none when its signature is not that of its key', async () => {
    const authority = await createAuthority('ca', now)
    const { request } = await createCertificateRequest({ commonName: 'someone' })
    const terms = { request, uses: [], notBefore: now, notAfter: now + 100 * 365 * 24 * 3_600_000 }
    const certificate = new X509Certificate(await signCertificateRequest(authority, terms))
    expect(certificate.validTo).toBe(new X509Certificate(authority.cert).validTo)
    const der = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    der[der.indexOf('someone')]! ^= 0x20
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    await expect(signCertificateRequest(authority, { ...terms, request: forged })).rejects.toThrow('not signed by the key')
  })
})
