import { readCertificateRequest, type RequestedIdentity } from '../../../lib/certificate-request.ts'
import type {
  CertificatesV1CertificateSigningRequest,
  CertificatesV1CertificateSigningRequestCondition,
} from '../../api/generated/kinds.ts'

/** The condition of a type, when it is there. */
export const conditionOf = ({ status }: CertificatesV1CertificateSigningRequest, type: string) =>
  status?.conditions?.find((condition) => condition.type === type)

export const pemOf = ({ spec }: CertificatesV1CertificateSigningRequest): string => Buffer.from(spec.request, 'base64').toString('latin1')

/** Who the certificate is to be for; the API server stores no request that cannot be read. */
export const identityOf = (request: CertificatesV1CertificateSigningRequest): RequestedIdentity => readCertificateRequest(pemOf(request))

/** The conditions with one more. */
export function withDecision(
  { status }: CertificatesV1CertificateSigningRequest,
  decision: Omit<CertificatesV1CertificateSigningRequestCondition, 'status'>,
): CertificatesV1CertificateSigningRequestCondition[] {
  return [...(status?.conditions ?? []), { ...decision, status: 'True' }]
}
