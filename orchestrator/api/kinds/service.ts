import { isDeepStrictEqual } from 'node:util'
import { CoreV1Service, type CoreV1ServicePort, type CoreV1ServiceSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { hasNodePorts, isExternal, needsHealthCheck, validateService, validateServiceUpdate } from './service-validation.ts'
import { mapText } from './workload.ts'

/** Three hours: how long a client stays with a pod. */
const affinitySeconds = 10_800

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
    if (isExternal(spec)) spec.externalTrafficPolicy ||= 'Cluster'
    if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
    if (spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIPs === undefined) spec.clusterIPs = [spec.clusterIP]
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  prepareForCreate(object) {
    object.status = { loadBalancer: {} }
  },
  prepareForUpdate(object, previous) {
    dropOfOtherTypes(object.spec, previous.spec)
    keepAllocated(object, previous)
  },
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

/** A client that changes a service's type sends along what it read of the old one; what has no meaning any more goes. */
function dropOfOtherTypes(spec: CoreV1ServiceSpec, previous: CoreV1ServiceSpec): void {
  const drop = (isOf: (spec: CoreV1ServiceSpec) => boolean, ...names: readonly (keyof CoreV1ServiceSpec)[]) => {
    if (!isOf(previous) || isOf(spec)) return
    for (const name of names) if (isDeepStrictEqual(spec[name], previous[name])) delete spec[name]
  }
  drop(({ type }) => type !== 'ExternalName', 'clusterIPs', 'clusterIP', 'ipFamilies', 'ipFamilyPolicy')
  drop(({ type }) => type === 'LoadBalancer', 'allocateLoadBalancerNodePorts', 'loadBalancerClass')
  drop(needsHealthCheck, 'healthCheckNodePort')
  drop(isExternal, 'externalTrafficPolicy')
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
  keepPorts(spec, previous)
}

function keepPorts(spec: CoreV1ServiceSpec, previous: CoreV1ServiceSpec): void {
  const { healthCheckNodePort } = previous
  if (needsHealthCheck(spec) && !spec.healthCheckNodePort && healthCheckNodePort) spec.healthCheckNodePort = healthCheckNodePort
  if (!hasNodePorts(spec) || !hasNodePorts(previous)) return
  for (const port of spec.ports ?? []) {
    const before = previous.ports?.find((candidate) => candidate.port === port.port && candidate.protocol === port.protocol)
    if (!port.nodePort && before?.nodePort) port.nodePort = before.nodePort
  }
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
