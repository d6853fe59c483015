import { invalidValue } from '../../api/field-errors.ts'
import type { CoreV1Service, CoreV1ServiceSpec } from '../../api/generated/kinds.ts'
import { hasNodePorts, needsHealthCheck } from '../../api/kinds/service-validation.ts'
import { internalError, invalid, type StatusCause } from '../../api/status-error.ts'
import { type AdmissionPlugin, type Attributes, resourceOf } from './admission.ts'
import { firstNodePort, lastNodePort, type Refusal, type ServiceAllocator } from './service-allocator.ts'

/** Gives services their cluster IP and node ports. */
export function serviceAddresses(allocator: ServiceAllocator): AdmissionPlugin {
  return {
    name: 'ServiceAddresses',
    admit(attributes) {
      const { operation, declaration, subresource, object } = attributes
      if (operation === 'DELETE' || subresource !== '' || resourceOf(declaration) !== 'services') return
      const { spec } = object as CoreV1Service
      if (spec === undefined) return
      const step: Step = { allocator, attributes, key: `core/services/${attributes.namespace}/${attributes.name}` }
      if (spec.type === 'ExternalName') return clearAddresses(spec)
      allocateAddress(step, spec)
      if (needsHealthCheck(spec))
        spec.healthCheckNodePort = portFor(step, 'spec.healthCheckNodePort', spec.healthCheckNodePort || undefined)
      if (hasNodePorts(spec)) allocatePorts(step, spec)
      else
        for (const port of spec.ports ?? [])
          if (attributes.previous !== undefined && hadNodePort(attributes.previous as CoreV1Service, port.nodePort)) delete port.nodePort
    },
  }
}

interface Step {
  readonly allocator: ServiceAllocator
  readonly attributes: Attributes
  readonly key: string
}

/** A client that turns a NodePort service into a ClusterIP one sends the old ports along. */
function hadNodePort({ spec }: CoreV1Service, nodePort: number | undefined): boolean {
  return nodePort !== undefined && (spec?.ports ?? []).some((port) => port.nodePort === nodePort)
}

function clearAddresses(spec: CoreV1ServiceSpec): void {
  delete spec.clusterIPs
  delete spec.ipFamilies
  delete spec.ipFamilyPolicy
  if (spec.clusterIP === '') delete spec.clusterIP
}

function allocateAddress({ allocator, attributes, key }: Step, spec: CoreV1ServiceSpec): void {
  spec.ipFamilies ??= ['IPv4']
  spec.ipFamilyPolicy ??= 'SingleStack'
  checkFamilies(attributes, spec)
  const wanted = spec.clusterIP || spec.clusterIPs?.[0]
  if (wanted === 'None') {
    spec.clusterIP = 'None'
    spec.clusterIPs = ['None']
    return
  }
  if (wanted !== undefined && allocator.has(key, wanted)) {
    spec.clusterIP = wanted
    spec.clusterIPs = [wanted]
    return
  }
  const reserved = allocator.reserveAddress(key, wanted)
  if (typeof reserved === 'string') throw refuse(attributes, addressCause(allocator, wanted, reserved))
  const { address } = reserved
  attributes.undo.push(() => allocator.release(address))
  spec.clusterIP = address
  spec.clusterIPs = [address]
}

function checkFamilies(attributes: Attributes, { ipFamilies = [], ipFamilyPolicy }: CoreV1ServiceSpec): void {
  if (ipFamilies.some((family) => family !== 'IPv4'))
    throw refuse(attributes, invalidValue('spec.ipFamilies[0]', ipFamilies[0], 'not configured on this cluster'))
  if (ipFamilyPolicy === 'RequireDualStack')
    throw refuse(attributes, invalidValue('spec.ipFamilyPolicy', ipFamilyPolicy, 'this cluster is not configured for dual-stack services'))
}

function addressCause({ cidr }: ServiceAllocator, wanted: string | undefined, refusal: Refusal): StatusCause {
  if (wanted === undefined) return invalidValue('spec.clusterIPs', [], 'failed to allocate a serviceIP: range is full')
  const why =
    refusal === 'taken'
      ? 'provided IP is already allocated'
      : `the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${cidr}`
  return invalidValue('spec.clusterIPs', [wanted], `failed to allocate IP ${wanted}: ${why}`)
}

function allocatePorts(step: Step, spec: CoreV1ServiceSpec): void {
  if (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === false) return
  for (const [index, port] of (spec.ports ?? []).entries())
    port.nodePort = portFor(step, `spec.ports[${index}].nodePort`, port.nodePort ? port.nodePort : sharedPort(spec, index))
}

/** The port that is wanted, if it is free or the service's already; any that is free if none is wanted. */
function portFor({ allocator, attributes, key }: Step, field: string, wanted: number | undefined): number {
  if (wanted !== undefined && allocator.has(key, wanted)) return wanted
  const chosen = allocator.reservePort(key, wanted)
  if (typeof chosen === 'string') throw portRefusal(attributes, field, wanted, chosen)
  attributes.undo.push(() => allocator.release(chosen))
  return chosen
}

/** The same port over TCP and UDP gets one node port. */
function sharedPort({ ports = [] }: CoreV1ServiceSpec, index: number): number | undefined {
  const { port, protocol } = ports[index]!
  return ports.slice(0, index).find((other) => other.port === port && other.protocol !== protocol)?.nodePort
}

function portRefusal(attributes: Attributes, field: string, wanted: number | undefined, refusal: Refusal): Error {
  if (refusal === 'exhausted') return internalError(new Error('failed to allocate a nodePort: range is full'))
  const why =
    refusal === 'taken'
      ? 'provided port is already allocated'
      : `provided port is not in the valid range. The range of valid ports is ${firstNodePort}-${lastNodePort}`
  return refuse(attributes, invalidValue(field, wanted, why))
}

function refuse({ declaration, name }: Attributes, cause: StatusCause): Error {
  return invalid(declaration.kind, name, [cause])
}
