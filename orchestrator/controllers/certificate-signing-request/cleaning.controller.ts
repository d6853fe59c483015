import { fromTimestamp } from '../../../lib/clock.ts'
import { inspectCertificate } from '../../../lib/pki.ts'
import { CertificatesV1CertificateSigningRequest } from '../../api/generated/kinds.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { conditionOf } from './request-state.ts'
import { ignoreGone } from '../refusal.ts'

const hourMs = 3_600_000
/** How long a request stays once a certificate was issued, or it was denied, failed, or approved without anybody signing. */
const decidedMs = hourMs
/** How long a request waits for a decision. */
const pendingMs = 24 * hourMs

/** Removes requests that nobody needs any more: an hour after a decision, a day without one, or when the certificate has run out. */
export function createCertificateCleaningController(): ControllerDeclaration<CertificatesV1CertificateSigningRequest> {
  return {
    name: 'certificatesigningrequest-cleaner',
    for: CertificatesV1CertificateSigningRequest,
    async reconcile(request, { client, now }) {
      const waitMs = endOf(request) - now
      if (waitMs > 0) return { requeueAfterMs: waitMs }
      const { name, uid } = request.metadata
      await ignoreGone(client.delete(CertificatesV1CertificateSigningRequest, { name: name! }, { preconditions: { uid: uid! } }))
      return undefined
    },
  }
}

/** When a request may go, milliseconds since the epoch. */
function endOf(request: CertificatesV1CertificateSigningRequest): number {
  const { metadata, status } = request
  const created = fromTimestamp(metadata.creationTimestamp) ?? 0
  const decisions = ['Approved', 'Denied', 'Failed']
    .map((type) => conditionOf(request, type))
    .filter((condition) => condition !== undefined)
  if (decisions.length === 0) return created + pendingMs
  const decided = Math.max(...decisions.map(({ lastUpdateTime }) => fromTimestamp(lastUpdateTime) ?? created))
  return Math.min(decided + decidedMs, expiryOf(status?.certificate))
}

/** When a certificate runs out. One that somebody wrote and that cannot be read never does. */
function expiryOf(certificate: string | undefined): number {
  if (!certificate) return Infinity
  try {
    return inspectCertificate(Buffer.from(certificate, 'base64').toString('latin1')).notAfter
  } catch {
    return Infinity
  }
}
