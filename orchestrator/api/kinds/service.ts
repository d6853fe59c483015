import { isIP } from 'node:net'
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { CoreV1Service, type CoreV1ServicePort, type CoreV1ServiceSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkLabel, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateLabels } from '../validation.ts'
import { isPort, portRange, validatePortReference } from './container-validation.ts'
import { mapText } from './workload.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const affinities = ['ClientIP', 'None']
const protocols = ['SCTP', 'TCP', 'UDP']
/** Three hours: how long a client stays with a pod, and the longest that can be asked for is a day. */
const affinitySeconds = 10_800
const maxAffinitySeconds = 86_400

const hasNodePorts = ({ type }: CoreV1ServiceSpec) => type === 'NodePort' || type === 'LoadBalancer'
const isHeadless = ({ clusterIP }: CoreV1ServiceSpec) => clusterIP === 'None'

export const service: KindPart<CoreV1Service> = {
  kind: CoreV1Service,
  nameRule: 'label1035',
  createsOnUpdate: true,
  setDefaults({ spec }) {
    setAffinityDefaults(spec)
    spec.type ||= 'ClusterIP'
    for (const port of spec.ports ?? []) {
      port.protocol ||= 'TCP'
      if (!port.targetPort) port.targetPort = port.port
    }
    if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
    if (hasNodePorts(spec)) spec.externalTrafficPolicy ||= 'Cluster'
    if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
    if (spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIPs === undefined) spec.clusterIPs = [spec.clusterIP]
  },
  validate: ({ spec }) => [
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateAffinity(spec),
    ...validateAddresses(spec),
    ...validateLabels(spec.selector ?? {}, 'spec.selector'),
  ],
  validateUpdate({ spec }, { spec: previous }) {
    if (spec.type === 'ExternalName' || previous.type === 'ExternalName' || !previous.clusterIP || spec.clusterIP === previous.clusterIP)
      return []
    return [invalidValue('spec.clusterIPs[0]', [spec.clusterIP ?? ''], 'may not change once set')]
  },
  prepareForCreate(object) {
    object.status = { loadBalancer: {} }
  },
  prepareForUpdate: keepAllocated,
  columns: [
    nameColumn,
    textColumn('Type'),
    textColumn('Cluster-IP'),
    textColumn('External-IP'),
    textColumn('Port(s)'),
    ageColumn,
    textColumn('Selector', 1),
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.spec.type ?? 'ClusterIP',
    object.spec.clusterIP || '<none>',
    externalAddress(object),
    portText(object.spec.ports ?? []),
    ageCell(object, now),
    mapText(object.spec.selector),
  ],
  selectableFields: { 'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '', 'spec.type': ({ spec }) => spec.type ?? '' },
}

function setAffinityDefaults(spec: CoreV1ServiceSpec): void {
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  else if (spec.sessionAffinity === 'ClientIP') ((spec.sessionAffinityConfig ??= {}).clientIP ??= {}).timeoutSeconds ??= affinitySeconds
}

/** What the server allocated stays when a client's update doesn't mention it. */
function keepAllocated({ spec }: CoreV1Service, { spec: previous }: CoreV1Service): void {
  if (spec.type === 'ExternalName' || previous.type === 'ExternalName') return
  if (!spec.clusterIP && (spec.clusterIPs ?? []).length === 0 && previous.clusterIP) {
    spec.clusterIP = previous.clusterIP
    if (previous.clusterIPs !== undefined) spec.clusterIPs = previous.clusterIPs
  }
  if (previous.ipFamilies !== undefined) spec.ipFamilies ??= previous.ipFamilies
  if (previous.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy ??= previous.ipFamilyPolicy
  if (!hasNodePorts(spec) || !hasNodePorts(previous)) return
  for (const port of spec.ports ?? []) {
    const before = previous.ports?.find((candidate) => candidate.port === port.port && candidate.protocol === port.protocol)
    if (!port.nodePort && before?.nodePort) port.nodePort = before.nodePort
  }
}

function validateType(spec: CoreV1ServiceSpec): StatusCause[] {
  const { type = '', externalName, loadBalancerClass } = spec
  const causes: StatusCause[] = []
  if (!types.includes(type)) causes.push(notSupported('spec.type', type, types))
  if (type === 'ExternalName') {
    if (!externalName) causes.push(required('spec.externalName'))
    else
      for (const message of checkSubdomain(externalName.replace(/\.$/, '')))
        causes.push(invalidValue('spec.externalName', externalName, message))
    if (spec.clusterIP) causes.push(forbiddenField('spec.clusterIPs', 'may not be set for ExternalName services'))
  }
  if (isHeadless(spec) && hasNodePorts(spec))
    causes.push(invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`))
  if (loadBalancerClass !== undefined && type !== 'LoadBalancer')
    causes.push(forbiddenField('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'"))
  return causes
}

function validatePorts(spec: CoreV1ServiceSpec): StatusCause[] {
  const ports = spec.ports ?? []
  if (ports.length === 0) return isHeadless(spec) || spec.type === 'ExternalName' ? [] : [required('spec.ports')]
  const names = new Set<string>()
  const taken = new Set<string>()
  return ports.flatMap((port, index) => {
    const path = `spec.ports[${index}]`
    const causes = validatePort(port, path, ports.length > 1)
    if (port.name && names.has(port.name)) causes.push(duplicate(`${path}.name`, port.name))
    if (port.name) names.add(port.name)
    if (port.nodePort && !hasNodePorts(spec))
      causes.push(forbiddenField(`${path}.nodePort`, `may not be used when \`type\` is '${spec.type}'`))
    const key = `${port.protocol}/${port.port}`
    if (taken.has(key))
      causes.push(duplicate(path, { name: port.name ?? '', protocol: port.protocol, port: port.port, targetPort: port.targetPort }))
    taken.add(key)
    return causes
  })
}

function validatePort(
  { name, port, protocol = '', targetPort, nodePort }: CoreV1ServicePort,
  path: string,
  needsName: boolean,
): StatusCause[] {
  const causes: StatusCause[] = []
  if (needsName && !name) causes.push(required(`${path}.name`))
  if (name) for (const message of checkLabel(name)) causes.push(invalidValue(`${path}.name`, name, message))
  if (!isPort(port ?? 0)) causes.push(invalidValue(`${path}.port`, port ?? 0, portRange))
  if (!protocols.includes(protocol)) causes.push(notSupported(`${path}.protocol`, protocol, protocols))
  causes.push(...validatePortReference(targetPort, `${path}.targetPort`))
  if (nodePort && !isPort(nodePort)) causes.push(invalidValue(`${path}.nodePort`, nodePort, portRange))
  return causes
}

function validateAffinity({ sessionAffinity = '', sessionAffinityConfig }: CoreV1ServiceSpec): StatusCause[] {
  if (!affinities.includes(sessionAffinity)) return [notSupported('spec.sessionAffinity', sessionAffinity, affinities)]
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (sessionAffinity !== 'ClientIP' || seconds === undefined || (seconds > 0 && seconds <= maxAffinitySeconds)) return []
  return [
    invalidValue(
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
      seconds,
      `must be greater than 0 and less than ${maxAffinitySeconds}`,
    ),
  ]
}

function validateAddresses({
  clusterIP,
  externalIPs = [],
  externalTrafficPolicy,
  internalTrafficPolicy,
}: CoreV1ServiceSpec): StatusCause[] {
  const causes: StatusCause[] = []
  const addressMessage = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
  if (clusterIP && clusterIP !== 'None' && isIP(clusterIP) === 0) causes.push(invalidValue('spec.clusterIPs[0]', clusterIP, addressMessage))
  externalIPs.forEach((address, index) => {
    if (isIP(address) === 0) causes.push(invalidValue(`spec.externalIPs[${index}]`, address, addressMessage))
  })
  for (const [field, policy] of Object.entries({ externalTrafficPolicy, internalTrafficPolicy }))
    if (policy && !['Cluster', 'Local'].includes(policy)) causes.push(notSupported(`spec.${field}`, policy, ['Cluster', 'Local']))
  return causes
}

function externalAddress({ spec, status }: CoreV1Service): string {
  const { externalIPs = [] } = spec
  if (spec.type === 'ExternalName') return spec.externalName ?? ''
  if (spec.type !== 'LoadBalancer') return externalIPs.length === 0 ? '<none>' : externalIPs.join(',')
  const balanced = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '')
  const all = [...balanced, ...externalIPs]
  return all.length === 0 ? '<pending>' : all.join(',')
}

function portText(ports: readonly CoreV1ServicePort[]): string {
  if (ports.length === 0) return '<none>'
  return ports.map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`).join(',')
}
