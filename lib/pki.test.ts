import { X509Certificate } from 'node:crypto'
import { createServer, connect } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createAuthority, inspectCertificate, issueCertificate } from './pki.ts'

const now = Date.now()

describe('certificates', () => {
  it('are signed by their authority, name their subject and hosts, and prove both ends of a TLS connection', async () => {
    const authority = await createAuthority('test-ca', now)
    const server = await issueCertificate(authority, { commonName: 'server', isServer: true, hosts: ['localhost', '127.0.0.1'], now })
    const client = await issueCertificate(authority, { commonName: 'alice', organization: 'system:masters', isClient: true, now })
    expect(new X509Certificate(server.cert).verify(new X509Certificate(authority.cert).publicKey)).toBe(true)
    expect(inspectCertificate(server.cert).hosts).toEqual(['localhost', '127.0.0.1'])

    const subject = await new Promise<string>((resolve, reject) => {
      const listener = createServer({ ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true }, (socket) => {
        const peer = socket.getPeerCertificate()
        resolve(`${String(peer.subject.O)}/${String(peer.subject.CN)}`)
        socket.end()
        listener.close()
      })
      listener.listen(0, '127.0.0.1', () => {
        const socket = connect({
          port: (listener.address() as AddressInfo).port,
          host: '127.0.0.1',
          servername: 'localhost',
          ca: authority.cert,
          ...client,
        })
        socket.on('error', reject)
        socket.resume()
      })
    })
    expect(subject).toBe('system:masters/alice')
  })

  it('of another authority are not believed', async () => {
    const authority = await createAuthority('one', now)
    const other = await createAuthority('two', now)
    const leaf = await issueCertificate(other, { commonName: 'x', isServer: true, now })
    expect(new X509Certificate(leaf.cert).verify(new X509Certificate(authority.cert).publicKey)).toBe(false)
  })
})
