import { AuthorizationV1SubjectAccessReview, CertificatesV1CertificateSigningRequest, CoreV1Node } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { conditionOf, identityOf, withDecision } from './request-state.ts'
import { whyNoServingCertificate } from './serving.plan.ts'
import { isNodeClient, nodeClientSigner, nodeServerSigner } from './signers.plan.ts'

interface Way {
  readonly subresource: string
  readonly message: string
}

const renewal: Way = { subresource: 'selfnodeclient', message: 'Auto approving self kubelet client certificate after SubjectAccessReview.' }
const joining: Way = { subresource: 'nodeclient', message: 'Auto approving kubelet client certificate after SubjectAccessReview.' }

/**
 * Approves the client certificates of node agents: a renewal for the node itself, a first one for whoever may bring nodes in; and the
 * certificates by which their servers are known, where a node asks for its own name and the addresses that its Node has.
 */
export function createCertificateApprovingController({
  reservedAddresses = [],
}: ServingRules = {}): ControllerDeclaration<CertificatesV1CertificateSigningRequest> {
  return {
    name: 'certificatesigningrequest-approving',
    for: CertificatesV1CertificateSigningRequest,
    async reconcile(request, { client }) {
      const { spec, status, metadata } = request
      const isDecided = conditionOf(request, 'Approved') !== undefined || conditionOf(request, 'Denied') !== undefined
      if (metadata.deletionTimestamp !== undefined || isDecided || status?.certificate) return undefined
      if (spec.signerName === nodeServerSigner) return approveServing(request, client, reservedAddresses)
      if (spec.signerName !== nodeClientSigner) return undefined
      const identity = identityOf(request)
      if (!isNodeClient(identity, spec.usages ?? [])) return undefined

      for (const way of identity.commonName === spec.username ? [renewal, joining] : [joining]) {
        if (!(await mayAsk(request, way, client))) continue
        await approve(request, way.message, client)
        return undefined
      }
      // Somebody may be given the right later; a person may decide meanwhile.
      return { requeueAfterMs: retryMs }
    },
  }
}

/** How often a request that was recognized but whose sender may not ask is looked at again. */
const retryMs = 60_000

/** What the certificates of nodes' servers must not be for. */
export interface ServingRules {
  /** Addresses at which something else than a node is reached: the API server, the pods' gateway. */
  readonly reservedAddresses?: readonly string[]
}

async function approveServing(request: CertificatesV1CertificateSigningRequest, client: Client, reserved: readonly string[]) {
  const { items: nodes } = await client.list(CoreV1Node)
  const why = whyNoServingCertificate(request.spec, identityOf(request), { nodes, reserved })
  // A Node may get its address later; a person may decide meanwhile.
  if (why !== undefined) return { requeueAfterMs: retryMs }
  await approve(request, 'Auto approving kubelet serving certificate for the addresses of its Node.', client)
  return undefined
}

async function approve(request: CertificatesV1CertificateSigningRequest, message: string, client: Client): Promise<void> {
  const conditions = withDecision(request, { type: 'Approved', reason: 'AutoApproved', message })
  const key = { name: request.metadata.name! }
  const next = { ...request, status: { ...request.status, conditions } }
  await client.putSubresource<CertificatesV1CertificateSigningRequest>(CertificatesV1CertificateSigningRequest, key, 'approval', next)
}

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
