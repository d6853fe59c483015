import type { RequestedIdentity } from '../../../lib/certificate-request.ts'
import type { CertificatesV1CertificateSigningRequest, CoreV1Node } from '../../api/generated/kinds.ts'
import { nodeServerSigner, refusalOf } from './signers.plan.ts'

const nodesGroup = 'system:nodes'
const nodePrefix = 'system:node:'
/** Names under which pods reach services, the API server first of all. */
const serviceNames = /^(kubernetes|localhost)$|^kubernetes\.default(\.|$)|\.svc$|\.cluster\.local$/

/**
 * Why the certificate that a node wants for its server is not approved by itself; `undefined` when it is. A node gets one for its own name
 * and the addresses that its Node tells, unless those are somebody else's: with it the node could be taken for whoever is there.
 */
export function whyNoServingCertificate(
  spec: CertificatesV1CertificateSigningRequest['spec'],
  identity: RequestedIdentity,
  { nodes, reserved }: { readonly nodes: readonly CoreV1Node[]; readonly reserved: readonly string[] },
): string | undefined {
  const refusal = refusalOf({ ...spec, signerName: nodeServerSigner }, identity)
  if (refusal !== undefined) return refusal
  const isItself = identity.commonName === spec.username && spec.groups?.includes(nodesGroup) === true
  if (!isItself) return 'only a node may ask for the certificate of its server'
  const name = identity.commonName.slice(nodePrefix.length)
  const node = nodes.find(({ metadata }) => metadata.name === name)
  if (node === undefined) return `there is no Node ${name}`
  const foreignName = identity.dnsNames.find((each) => each !== name || serviceNames.test(each))
  if (foreignName !== undefined) return `${foreignName} is not the node's name`
  const own = addressesOf(node)
  const taken = new Set([...reserved, ...nodes.filter((other) => other !== node).flatMap(addressesOf)])
  const foreign = identity.ipAddresses.find((address) => !own.includes(address) || taken.has(address))
  return foreign === undefined ? undefined : `${foreign} is not an address of the node alone`
}

const addressesOf = ({ status }: CoreV1Node): string[] =>
  (status?.addresses ?? []).filter(({ type }) => type !== 'Hostname').map(({ address }) => address)
