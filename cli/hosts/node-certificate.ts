import { createCertificateRequest, type RequestedIdentity } from '../../lib/certificate-request.ts'
import type { Clock } from '../../lib/clock.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { CertificatesV1CertificateSigningRequest } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { JoinError } from './join-error.ts'

const pollMs = 200
const waitMs = 60_000

/** What a node's certificate is for: to be a client of the API server, or to be known as a server. */
export type Purpose = 'client' | 'serving'

const terms = {
  client: { signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'] },
  serving: { signerName: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'] },
} as const

/**
 * Asks the cluster for a certificate of a key that is made for it and never leaves this host; waits until it is signed. Throws a `JoinError` when it is
 * denied, or not approved within a minute.
 */
export async function requestCertificate(options: {
  readonly client: Client
  readonly clock: Clock
  readonly nodeName: string
  readonly purpose: Purpose
  readonly hosts?: Partial<Pick<RequestedIdentity, 'dnsNames' | 'ipAddresses'>>
}): Promise<KeyPair> {
  const { client, clock, nodeName, purpose, hosts = {} } = options
  const identity = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'], ...hosts }
  const { request, key } = await createCertificateRequest(identity)
  const { signerName, usages } = terms[purpose]
  const created = await client.create(CertificatesV1CertificateSigningRequest, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'csr-' },
    spec: { request: Buffer.from(request).toString('base64'), signerName, usages: [...usages] },
  })
  const name = created.metadata.name!
  const deadline = clock.monotonic() + waitMs
  for (;;) {
    const { status } = await client.get(CertificatesV1CertificateSigningRequest, { name })
    if (status?.certificate) return { cert: Buffer.from(status.certificate, 'base64').toString(), key }
    const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed')
    if (refusal !== undefined)
      throw new JoinError(`the cluster gives no ${purpose} certificate (${name}): ${refusal.message ?? refusal.type}`)
    if (clock.monotonic() > deadline) {
      const why = `${name} was not approved within ${waitMs / 1000} s`
      throw new JoinError(`the cluster gives no ${purpose} certificate: ${why}; \`kubectl certificate approve ${name}\` does it by hand`)
    }
    await clock.sleep(pollMs)
  }
}
