import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import { causesOf, checkFields, each, oneOf, port, struct, type FieldRules } from '../field-rules.ts'
import type {
  NetworkingV1IPBlock,
  NetworkingV1NetworkPolicy,
  NetworkingV1NetworkPolicyEgressRule,
  NetworkingV1NetworkPolicyIngressRule,
  NetworkingV1NetworkPolicyPeer,
  NetworkingV1NetworkPolicyPort,
  NetworkingV1NetworkPolicySpec,
} from '../generated/kinds.ts'
import { checkBlock, isPartOf } from '../ip-addresses.ts'
import { checkPortName } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validateLabelSelector } from '../validation.ts'

const directions = ['Ingress', 'Egress']

const ports = each(struct<NetworkingV1NetworkPolicyPort>({ protocol: oneOf('TCP', 'UDP', 'SCTP') }, validatePort))
const peers = each(struct<NetworkingV1NetworkPolicyPeer>({}, validatePeer))

const rules: FieldRules<NetworkingV1NetworkPolicySpec> = {
  podSelector: (selector, field) => validateLabelSelector(selector ?? {}, field),
  ingress: each(struct<NetworkingV1NetworkPolicyIngressRule>({ ports, from: peers })),
  egress: each(struct<NetworkingV1NetworkPolicyEgressRule>({ ports, to: peers })),
  policyTypes: (types = [], field) => [
    ...(types.length > directions.length ? [invalidValue(field, types, 'may not specify more than two policyTypes')] : []),
    ...each(oneOf(...directions))(types, field),
  ],
}

/** Everything wrong with a network policy's spec. */
export function validateNetworkPolicy({ spec }: NetworkingV1NetworkPolicy): StatusCause[] {
  return checkFields(spec, 'spec', rules)
}

function validatePort({ port: first, endPort: last }: NetworkingV1NetworkPolicyPort, path: string): StatusCause[] {
  const field = `${path}.endPort`
  if (first === undefined) return last === undefined ? [] : [invalidValue(field, last, 'may not be specified when `port` is not specified')]
  if (typeof first === 'string')
    return [
      ...(last === undefined ? [] : [invalidValue(field, last, 'may not be specified when `port` is non-numeric')]),
      ...causesOf(checkPortName, first, `${path}.port`),
    ]
  const causes: StatusCause[] = [...port(first, `${path}.port`)]
  if (last === undefined) return causes
  // Upstream prints the first port where the last one is before it.
  if (last < first) causes.push(invalidValue(field, first, 'must be greater than or equal to `port`'))
  return [...causes, ...port(last, field)]
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkingV1NetworkPolicyPeer, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (podSelector !== undefined) causes.push(...validateLabelSelector(podSelector, `${path}.podSelector`))
  if (namespaceSelector !== undefined) causes.push(...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`))
  if (ipBlock !== undefined) causes.push(...validateBlock(ipBlock, `${path}.ipBlock`))
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined
  if (!hasSelector && ipBlock === undefined) causes.push(required(path, 'must specify a peer'))
  if (hasSelector && ipBlock !== undefined) causes.push(forbiddenField(path, 'may not specify both ipBlock and another peer'))
  return causes
}

function validateBlock({ cidr = '', except = [] }: Partial<NetworkingV1IPBlock>, path: string): StatusCause[] {
  const causes = cidr === '' ? [required(`${path}.cidr`)] : checkBlock(cidr, `${path}.cidr`)
  if (causes.length > 0) return [...causes]
  return except.flatMap((block, index) => {
    const field = `${path}.except[${index}]`
    const problems = checkBlock(block, field)
    return problems.length > 0 || isPartOf(block, cidr) === true
      ? problems
      : [invalidValue(field, block, 'must be a strict subset of `cidr`')]
  })
}
