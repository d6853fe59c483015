import { duplicate, forbiddenField, immutableMessage, invalidValue, required } from '../field-errors.ts'
import { between, causesOf, checkFields, choice, each, formed, oneOf, partial, port, type FieldRules } from '../field-rules.ts'
import type { CoreV1Service, CoreV1ServicePort, CoreV1ServiceSpec } from '../generated/kinds.ts'
import { checkAddress, checkBlock, checkReachableAddress, familyOf } from '../ip-addresses.ts'
import { checkLabel, checkQualifiedName, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validateLabels } from '../validation.ts'
import { protocol } from './container-validation.ts'
import { validatePortReference } from './handler-validation.ts'

const policies = ['Cluster', 'Local']
const families = ['IPv4', 'IPv6']
/** A day: the longest that a client can be asked to stay with a pod. */
const maxAffinitySeconds = 86_400

/** Whether a service can be reached through ports of nodes. */
export const hasNodePorts = ({ type }: CoreV1ServiceSpec) => type === 'NodePort' || type === 'LoadBalancer'
/** Whether a service can be reached from outside of the cluster. */
export const isExternal = (spec: CoreV1ServiceSpec) =>
  hasNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
const addressesOf = ({ clusterIP, clusterIPs }: CoreV1ServiceSpec) => clusterIPs ?? (clusterIP ? [clusterIP] : [])
const isHeadless = (spec: CoreV1ServiceSpec) => addressesOf(spec).length === 1 && addressesOf(spec)[0] === 'None'

const addressRules: FieldRules<CoreV1ServiceSpec> = {
  ipFamilies: (list = [], field) =>
    list.flatMap((family, index) => [
      ...oneOf(...families)(family, `${field}[${index}]`),
      ...(list.indexOf(family) < index ? [duplicate(`${field}[${index}]`, family)] : []),
    ]),
  ipFamilyPolicy: oneOf('PreferDualStack', 'RequireDualStack', 'SingleStack'),
}

const specRules: FieldRules<CoreV1ServiceSpec> = {
  selector: (labels, field) => validateLabels(labels ?? {}, field),
  sessionAffinity: choice(['ClientIP', 'None']),
  externalIPs: each((address, field) => {
    const problems = checkAddress(address, field)
    return problems.length > 0 ? problems : checkReachableAddress(address, field)
  }),
  type: choice(['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
  internalTrafficPolicy: oneOf(...policies),
  trafficDistribution: oneOf('PreferClose', 'PreferSameZone', 'PreferSameNode'),
}

const portRules: FieldRules<CoreV1ServicePort> = {
  name: formed(checkLabel),
  port,
  protocol,
  targetPort: validatePortReference,
  appProtocol: (name, field) => (name === undefined ? [] : causesOf(checkQualifiedName, name, field)),
}

/** Everything wrong with a service. Addresses and ports that it doesn't name are given to it before. */
export function validateService({ metadata, spec }: CoreV1Service): StatusCause[] {
  return [
    ...validateType(spec),
    ...validatePorts(spec),
    ...checkFields(spec, 'spec', specRules),
    ...validateAffinity(spec),
    ...(spec.type === 'ExternalName' ? [] : [...checkFields(spec, 'spec', addressRules), ...validateClusterAddresses(spec)]),
    ...validateBalancing(spec, metadata.annotations ?? {}),
    ...validateExternalTraffic(spec),
  ]
}

function validateType(spec: CoreV1ServiceSpec): StatusCause[] {
  const { type = '', externalName = '' } = spec
  const causes: StatusCause[] = []
  if ((spec.ports ?? []).length === 0 && !isHeadless(spec) && type !== 'ExternalName') causes.push(required('spec.ports'))
  if (isHeadless(spec) && hasNodePorts(spec))
    causes.push(invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`))
  if (type !== 'ExternalName') return causes
  const { ipFamilies = [], ipFamilyPolicy } = spec
  const given = {
    clusterIPs: addressesOf(spec).length > 0,
    ipFamilies: ipFamilies.length > 0,
    ipFamilyPolicy: ipFamilyPolicy !== undefined,
  }
  for (const [name, isGiven] of Object.entries(given))
    if (isGiven) causes.push(forbiddenField(`spec.${name}`, 'may not be set for ExternalName services'))
  const host = externalName.replace(/\.$/, '')
  return [...causes, ...(host === '' ? [required('spec.externalName')] : causesOf(checkSubdomain, host, 'spec.externalName'))]
}

function validatePorts({ type, ports = [] }: CoreV1ServiceSpec): StatusCause[] {
  const seen = { names: new Set<string>(), nodePorts: new Set<string>(), ports: new Set<string>() }
  return ports.flatMap((each, index) => {
    const { name = '', nodePort = 0, protocol: kind = '', port: number = 0 } = partial(each)
    const path = `spec.ports[${index}]`
    const causes = checkFields(each, path, portRules)
    if (ports.length > 1 && name === '') causes.push(required(`${path}.name`))
    if (name !== '' && seen.names.has(name)) causes.push(duplicate(`${path}.name`, name))
    seen.names.add(name)
    if (type === 'ClusterIP' && nodePort !== 0)
      causes.push(forbiddenField(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"))
    if (nodePort !== 0 && seen.nodePorts.has(`${kind}/${nodePort}`)) causes.push(duplicate(`${path}.nodePort`, nodePort))
    seen.nodePorts.add(`${kind}/${nodePort}`)
    if (seen.ports.has(`${kind}/${number}`)) causes.push(duplicate(path, printedPort(kind, number)))
    seen.ports.add(`${kind}/${number}`)
    return causes
  })
}

/** A port as upstream prints one that is there twice: its own form, with what makes it the same and the rest empty. */
const printedPort = (kind: string, number: number) => ({
  Name: '',
  Protocol: kind,
  AppProtocol: null,
  Port: number,
  TargetPort: 0,
  NodePort: 0,
})

function validateAffinity({ sessionAffinity, sessionAffinityConfig: config }: CoreV1ServiceSpec): StatusCause[] {
  const field = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None')
    return config === undefined ? [] : [forbiddenField(field, 'must not be set when session affinity is None')]
  if (sessionAffinity !== 'ClientIP') return []
  const path = `${field}.clientIP.timeoutSeconds`
  const seconds = config?.clientIP?.timeoutSeconds
  if (seconds === undefined) return [required(path, 'when session affinity type is ClientIP')]
  return [...between(1, maxAffinitySeconds, `must be greater than 0 and less than ${maxAffinitySeconds}`)(seconds, path)]
}

function validateClusterAddresses(spec: CoreV1ServiceSpec): StatusCause[] {
  const field = 'spec.clusterIPs'
  const { clusterIP = '', ipFamilies = [] } = spec
  const list = addressesOf(spec)
  const causes: StatusCause[] = []
  const refuse = (why: string) => causes.push(invalidValue(field, list, why))
  if (clusterIP === '') {
    if (list.length > 0) refuse('must be empty when `clusterIP` is not specified')
  } else if (list.length === 0) causes.push(required(field))
  else if (list[0] !== clusterIP) refuse('first value must match `clusterIP`')
  if (list[0] === 'None') {
    if (list.length > 1) refuse("'None' must be the first and only value")
  }
  const bad = list.flatMap((address, index) => (index === 0 && address === 'None' ? [] : checkAddress(address, `${field}[${index}]`)))
  causes.push(...bad)
  if (list.length > 2) refuse('may only hold up to 2 values')
  if (bad.length > 0 || (list[0] === 'None' && list.length > 1)) return causes
  if (list.length > 1 && new Set(list.map(familyOf)).size !== list.length) refuse('may specify no more than one IP for each IP family')
  if (isHeadless(spec)) return causes
  list.slice(0, ipFamilies.length).forEach((address, index) => {
    const family = ipFamilies[index]!
    if (families.includes(family) && (family === 'IPv6') !== (familyOf(address) === 6))
      causes.push(invalidValue(`${field}[${index}]`, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``))
  })
  return causes
}

const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const onlyBalancers = "may only be used when `type` is 'LoadBalancer'"

function validateBalancing(spec: CoreV1ServiceSpec, annotations: Readonly<Record<string, string>>): StatusCause[] {
  const { type, loadBalancerSourceRanges: ranges = [], allocateLoadBalancerNodePorts, loadBalancerClass } = spec
  const isBalancer = type === 'LoadBalancer'
  const annotation = annotations[rangesAnnotation]
  const causes: StatusCause[] = []
  // Upstream writes this name as its own field is called.
  const field = ranges.length > 0 ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${rangesAnnotation}]`
  if ((ranges.length > 0 || annotation !== undefined) && !isBalancer) causes.push(forbiddenField(field, onlyBalancers))
  if (ranges.length > 0) ranges.forEach((range, index) => causes.push(...checkBlock(range.trim(), `${field}[${index}]`)))
  else if (annotation !== undefined && annotation.trim() !== '')
    for (const range of annotation.split(',')) causes.push(...checkBlock(range.trim(), field))
  if (allocateLoadBalancerNodePorts !== undefined && !isBalancer)
    causes.push(forbiddenField('spec.allocateLoadBalancerNodePorts', onlyBalancers))
  if (loadBalancerClass === undefined) return causes
  return isBalancer
    ? [...causes, ...causesOf(checkQualifiedName, loadBalancerClass, 'spec.loadBalancerClass')]
    : [...causes, forbiddenField('spec.loadBalancerClass', onlyBalancers)]
}

/** Whether balancers outside of the cluster ask nodes whether they have pods of a service. */
export const needsHealthCheck = ({ type, externalTrafficPolicy }: CoreV1ServiceSpec) =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

function validateExternalTraffic(spec: CoreV1ServiceSpec): StatusCause[] {
  const { externalTrafficPolicy: policy = '', healthCheckNodePort: healthPort = 0 } = spec
  const causes: StatusCause[] = []
  if (isExternal(spec)) causes.push(...choice(policies)(policy, 'spec.externalTrafficPolicy'))
  else if (policy !== '')
    causes.push(invalidValue('spec.externalTrafficPolicy', policy, 'may only be set for externally-accessible services'))
  const field = 'spec.healthCheckNodePort'
  if (!needsHealthCheck(spec))
    return healthPort === 0
      ? causes
      : [...causes, invalidValue(field, healthPort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")]
  return [...causes, ...(healthPort === 0 ? [required(field)] : port(healthPort, field))]
}

/** What of a service stays: its addresses, the port of its health check, and who balances its load. */
export function validateServiceUpdate({ spec }: CoreV1Service, { spec: previous }: CoreV1Service): StatusCause[] {
  const causes: StatusCause[] = []
  if (spec.type === 'LoadBalancer' && previous.type === 'LoadBalancer' && spec.loadBalancerClass !== previous.loadBalancerClass)
    causes.push(invalidValue('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'))
  if (needsHealthCheck(spec) && needsHealthCheck(previous) && spec.healthCheckNodePort !== previous.healthCheckNodePort)
    causes.push(forbiddenField('spec.healthCheckNodePort', immutableMessage))
  if (spec.type === 'ExternalName' || previous.type === 'ExternalName') return causes
  const [list, before] = [addressesOf(spec), addressesOf(previous)]
  if (before.length === 0) return causes
  if (list.length === 0) return [...causes, invalidValue('spec.clusterIPs[0]', list, 'primary clusterIP can not be unset')]
  if (list[0] !== before[0]) causes.push(invalidValue('spec.clusterIPs[0]', list, 'may not change once set'))
  if (list.length === 2 && before.length === 2 && list[1] !== before[1])
    causes.push(invalidValue('spec.clusterIPs[1]', list, 'may not change once set'))
  return causes
}
