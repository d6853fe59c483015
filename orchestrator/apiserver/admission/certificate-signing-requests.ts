import { readCertificateRequest, type RequestedIdentity } from '../../../lib/certificate-request.ts'
import { toTimestamp, type Clock } from '../../../lib/clock.ts'
import type {
  CertificatesV1CertificateSigningRequest,
  CertificatesV1CertificateSigningRequestCondition,
} from '../../api/generated/kinds.ts'
import { invalidValue } from '../../api/field-errors.ts'
import { forbidden, invalid } from '../../api/status-error.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { nodeNameOf } from '../auth/node-authorizer.ts'
import { mastersGroup, type User } from '../auth/user.ts'
import { isSameJson } from '../rest/copy.ts'
import { type AdmissionPlugin, type Attributes, resourceOf } from './admission.ts'

const apiClientSigner = 'kubernetes.io/kube-apiserver-client'
const nodeSigners = new Set(['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving'])

/**
 * Who asks for a certificate is written down by the server, never by the client; nobody asks for membership of `system:masters`, a node only for
 * itself. Only who may `approve` for a signer approves or denies, only who may `sign` for it writes certificates.
 */
export function certificateSigningRequests({
  authorizer,
  clock,
}: {
  readonly authorizer: Authorizer
  readonly clock: Clock
}): AdmissionPlugin {
  return {
    name: 'CertificateSigningRequests',
    admit(attributes) {
      const { operation, declaration, subresource, previous } = attributes
      if (resourceOf(declaration) !== 'certificatesigningrequests.certificates.k8s.io' || operation === 'DELETE') return
      const request = attributes.object as CertificatesV1CertificateSigningRequest
      if (operation === 'CREATE') return admitRequest(attributes, request)
      const { status } = previous as CertificatesV1CertificateSigningRequest
      if (subresource === 'approval') requireSigner(authorizer, attributes, 'approve')
      else if (subresource === 'status' && !isSameJson(request.status ?? {}, status ?? {})) requireSigner(authorizer, attributes, 'sign')
      else return
      stampConditions(request, status?.conditions ?? [], toTimestamp(clock.now()))
    },
  }
}

function admitRequest({ declaration, name, user }: Attributes, { spec }: CertificatesV1CertificateSigningRequest): void {
  // Validation tells of what is missing.
  if (!spec?.request) return
  const identity = readRequest(spec.request)
  if (typeof identity === 'string') throw invalid(declaration.kind, name, [invalidValue('spec.request', spec.request, identity)])
  if (spec.signerName === apiClientSigner && identity.organizations.includes(mastersGroup))
    throw forbidden(declaration.kind, name, `use of ${apiClientSigner} signer with ${mastersGroup} group is not allowed`)
  const node = nodeNameOf(user)
  if (node !== undefined && nodeSigners.has(spec.signerName) && identity.commonName !== `system:node:${node}`)
    throw forbidden(declaration.kind, name, `node ${JSON.stringify(node)} can only create a node CSR with CN=system:node:${node}`)
  setRequestor(spec, user)
}

/** What a request says, or what is wrong with it. */
function readRequest(encoded: string): RequestedIdentity | string {
  try {
    return readCertificateRequest(Buffer.from(encoded, 'base64').toString('latin1'))
  } catch (error) {
    return (error as Error).message
  }
}

/** Writes down who asks, over whatever the client said. */
function setRequestor(spec: CertificatesV1CertificateSigningRequest['spec'], { name, uid, groups, extra = {} }: User): void {
  delete spec.uid
  delete spec.extra
  spec.username = name
  spec.groups = [...groups]
  if (uid !== undefined) spec.uid = uid
  const copied = Object.entries(extra).map(([key, values]): [string, string[]] => [key, [...values]])
  if (copied.length > 0) spec.extra = Object.fromEntries(copied)
}

/** Signers are named `domain/path`; a rule may name one, or all of a domain as `domain/*`. */
function requireSigner(authorizer: Authorizer, { declaration, name, user, previous }: Attributes, verb: 'approve' | 'sign'): void {
  const { signerName } = (previous as CertificatesV1CertificateSigningRequest).spec
  const [domain] = signerName.split('/')
  const isAllowed = [signerName, `${domain}/*`].some(
    (signer) =>
      authorizer.authorize({
        user,
        verb,
        isResource: true,
        group: 'certificates.k8s.io',
        version: '*',
        resource: 'signers',
        subresource: '',
        namespace: '',
        name: signer,
        path: '',
      }).isAllowed,
  )
  if (!isAllowed)
    throw forbidden(declaration.kind, name, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`)
}

/** Conditions say when they were written and when they changed, where the client doesn't. */
function stampConditions(
  { status }: CertificatesV1CertificateSigningRequest,
  before: readonly CertificatesV1CertificateSigningRequestCondition[],
  now: string,
): void {
  for (const condition of status?.conditions ?? []) {
    const known = before.find(({ type }) => type === condition.type)
    condition.lastUpdateTime ??= now
    condition.lastTransitionTime ??= known?.status === condition.status ? (known.lastTransitionTime ?? now) : now
  }
}
