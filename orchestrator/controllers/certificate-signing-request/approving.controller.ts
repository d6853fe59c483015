import { AuthorizationV1SubjectAccessReview, CertificatesV1CertificateSigningRequest } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { conditionOf, identityOf, withDecision } from './request-state.ts'
import { isNodeClient, nodeClientSigner } from './signers.plan.ts'

interface Way {
  readonly subresource: string
  readonly message: string
}

const renewal: Way = { subresource: 'selfnodeclient', message: 'Auto approving self kubelet client certificate after SubjectAccessReview.' }
const joining: Way = { subresource: 'nodeclient', message: 'Auto approving kubelet client certificate after SubjectAccessReview.' }

/** Approves the client certificates of node agents: a renewal for the node itself, a first one for whoever may bring nodes in. */
export function createCertificateApprovingController(): ControllerDeclaration<CertificatesV1CertificateSigningRequest> {
  return {
    name: 'certificatesigningrequest-approving',
    for: CertificatesV1CertificateSigningRequest,
    async reconcile(request, { client }) {
      const { spec, status, metadata } = request
      const isDecided = conditionOf(request, 'Approved') !== undefined || conditionOf(request, 'Denied') !== undefined
      if (metadata.deletionTimestamp !== undefined || isDecided || status?.certificate || spec.signerName !== nodeClientSigner)
        return undefined
      const identity = identityOf(request)
      if (!isNodeClient(identity, spec.usages ?? [])) return undefined

      for (const way of identity.commonName === spec.username ? [renewal, joining] : [joining]) {
        if (!(await mayAsk(request, way, client))) continue
        const conditions = withDecision(request, { type: 'Approved', reason: 'AutoApproved', message: way.message })
        await client.putSubresource<CertificatesV1CertificateSigningRequest>(
          CertificatesV1CertificateSigningRequest,
          { name: metadata.name! },
          'approval',
          { ...request, status: { ...status, conditions } },
        )
        return undefined
      }
      // Somebody may be given the right later; a person may decide meanwhile.
      return { requeueAfterMs: retryMs }
    },
  }
}

/** How often a request that was recognized but whose sender may not ask is looked at again. */
const retryMs = 60_000

async function mayAsk({ spec }: CertificatesV1CertificateSigningRequest, { subresource }: Way, client: Client): Promise<boolean> {
  const { username = '', uid, groups = [], extra } = spec
  const review = await client.create(AuthorizationV1SubjectAccessReview, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: username,
      groups,
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', verb: 'create', subresource },
    },
  })
  return review.status?.allowed === true
}
