import type { SigningTerms } from '../../../lib/certificate-request.ts'
import { CertificatesV1CertificateSigningRequest } from '../../api/generated/kinds.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { messageOf } from '../refusal.ts'
import { conditionOf, identityOf, pemOf, withDecision } from './request-state.ts'
import { isOurSigner, refusalOf, usesOf } from './signers.plan.ts'

/** Certificates are valid from a little before they are made, so that a clock that runs behind accepts them. */
const backdateMs = 5 * 60_000
/** A life shorter than this counts from now on; the little before is nothing to a longer one. */
const shortMs = 8 * 3_600_000
/** How long a certificate is valid at most, and where the request asks for no time. */
const maxDurationMs = 365 * 24 * 3_600_000

/** Signs with the cluster's authority, whose key stays with whoever made this function. Answers PEM; rejects a request that is not good. */
export type SignCertificate = (terms: SigningTerms) => Promise<string>

/** Gives every approved request for one of the cluster's signers its certificate, or says why there is none. */
export function createCertificateSigningController({
  sign,
}: {
  readonly sign: SignCertificate
}): ControllerDeclaration<CertificatesV1CertificateSigningRequest> {
  return {
    name: 'certificatesigningrequest-signing',
    for: CertificatesV1CertificateSigningRequest,
    async reconcile(request, context) {
      const { metadata, spec, status } = request
      if (metadata.deletionTimestamp !== undefined || status?.certificate || !isOurSigner(spec.signerName)) return undefined
      const has = (type: string) => conditionOf(request, type) !== undefined
      if (!has('Approved') || has('Denied') || has('Failed')) return undefined
      const refusal = refusalOf(spec, identityOf(request))
      const next = refusal === undefined ? await issue(request, sign, context.now) : failure(request, refusal)
      await context.client.updateStatus(CertificatesV1CertificateSigningRequest, { ...request, status: { ...status, ...next } })
      return undefined
    },
  }
}

async function issue(request: CertificatesV1CertificateSigningRequest, sign: SignCertificate, now: number) {
  const { expirationSeconds } = request.spec
  const durationMs = expirationSeconds === undefined ? maxDurationMs : Math.min(expirationSeconds * 1000, maxDurationMs)
  const notBefore = now - backdateMs
  const notAfter = durationMs < shortMs ? now + durationMs : notBefore + durationMs
  try {
    const pem = await sign({ request: pemOf(request), uses: usesOf(request.spec), notBefore, notAfter })
    return { certificate: Buffer.from(pem).toString('base64') }
  } catch (error) {
    return failure(request, messageOf(error))
  }
}

const failure = (request: CertificatesV1CertificateSigningRequest, message: string) => ({
  conditions: withDecision(request, { type: 'Failed', reason: 'SignerValidationFailure', message }),
})
