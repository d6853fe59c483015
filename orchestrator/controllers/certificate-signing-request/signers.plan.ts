import type { KeyUse, RequestedIdentity } from '../../../lib/certificate-request.ts'
import type { CertificatesV1CertificateSigningRequest } from '../../api/generated/kinds.ts'

const nodesGroup = 'system:nodes'
const nodePrefix = 'system:node:'

/** What a signer signs: answers why it doesn't, in upstream's words, or `undefined`. */
type Rule = (identity: RequestedIdentity, usages: readonly string[]) => string | undefined

export const nodeClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'
export const nodeServerSigner = 'kubernetes.io/kubelet-serving'

/** The cluster's own signers. Requests for others are somebody else's. */
const signers: Readonly<Record<string, Rule>> = {
  'kubernetes.io/kube-apiserver-client': (_, usages) => refuseUsages(usages, 'client auth'),
  [nodeClientSigner]: refuseNodeClient,
  [nodeServerSigner]: refuseNodeServer,
}

export const isOurSigner = (name: string): boolean => Object.hasOwn(signers, name)

/** Why one of our signers refuses a request; `undefined` when it signs. */
export function refusalOf({ signerName, usages = [] }: CertificatesV1CertificateSigningRequest['spec'], identity: RequestedIdentity) {
  return signers[signerName]!(identity, usages)
}

/** Whether a request is what a node's agent asks for to be a client of the API server. */
export const isNodeClient = (identity: RequestedIdentity, usages: readonly string[]): boolean =>
  refuseNodeClient(identity, usages) === undefined

/** The usages of a request that one of our signers has accepted. */
export const usesOf = ({ usages = [] }: CertificatesV1CertificateSigningRequest['spec']) => usages as readonly KeyUse[]

function refuseNodeClient(identity: RequestedIdentity, usages: readonly string[]): string | undefined {
  const { dnsNames, ipAddresses, emailAddresses, uris } = identity
  if (dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (ipAddresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (uris.length > 0) return 'URI subjectAltNames are not allowed'
  return refuseNodeSubject(identity) ?? refuseUsages(usages, 'client auth', true)
}

function refuseNodeServer(identity: RequestedIdentity, usages: readonly string[]): string | undefined {
  const { dnsNames, ipAddresses, emailAddresses, uris } = identity
  if (dnsNames.length + ipAddresses.length === 0) return 'DNS or IP subjectAltName is required'
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (uris.length > 0) return 'URI subjectAltNames are not allowed'
  return refuseNodeSubject(identity) ?? refuseUsages(usages, 'server auth', true)
}

function refuseNodeSubject({ commonName, organizations }: RequestedIdentity): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== nodesGroup) return `subject organization is not ${nodesGroup}`
  return commonName.startsWith(nodePrefix) && commonName.length > nodePrefix.length
    ? undefined
    : `subject common name does not begin with ${nodePrefix}`
}

/** One purpose, and what TLS needs for it: digital signatures, which node agents must name, and with RSA keys encipherment. */
function refuseUsages(usages: readonly string[], purpose: 'client auth' | 'server auth', needsSignature = false): string | undefined {
  const allowed = ['key encipherment', 'digital signature', purpose]
  const isComplete = usages.includes(purpose) && (!needsSignature || usages.includes('digital signature'))
  return isComplete && usages.every((usage) => allowed.includes(usage)) ? undefined : `usages did not match [${allowed.join(' ')}]`
}
