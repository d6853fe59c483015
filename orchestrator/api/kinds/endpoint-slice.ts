import { duplicate, invalidValue, required, tooMany } from '../field-errors.ts'
import { causesOf, checkFields, choice, formed, partial, struct, type FieldRules, type Rule } from '../field-rules.ts'
import {
  DiscoveryV1EndpointSlice,
  type DiscoveryV1Endpoint,
  type DiscoveryV1EndpointHints,
  type DiscoveryV1EndpointPort,
} from '../generated/kinds.ts'
import { checkAddress, checkCanonical, checkReachableAddress, familyOf } from '../ip-addresses.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkLabel, checkLabelValue, checkQualifiedName, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { isServer } from './endpoints.ts'
import { shorten } from './shorten.ts'

const addressTypes = ['FQDN', 'IPv4', 'IPv6']
const maxEndpoints = 1000
const maxAddresses = 100
const maxPorts = 20_000
const maxHints = 8

export const endpointSlice: KindPart<DiscoveryV1EndpointSlice> = {
  kind: DiscoveryV1EndpointSlice,
  setDefaults(object) {
    object.endpoints ??= []
    for (const port of object.ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  validate: (object) => [
    ...choice(addressTypes)(object.addressType, 'addressType'),
    ...validatePorts(object.ports ?? []),
    ...(isServer(object.metadata) ? [] : validateEndpoints(object)),
  ],
  validateUpdate: (object, previous) => validateImmutable('addressType', object.addressType, previous.addressType),
  columns: [nameColumn, textColumn('AddressType'), textColumn('Ports'), textColumn('Endpoints'), ageColumn],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.addressType,
    slicePorts(object),
    sliceAddresses(object),
    ageCell(object, now),
  ],
}

const portRules: FieldRules<DiscoveryV1EndpointPort> = {
  name: formed(checkLabel),
  protocol: choice(['SCTP', 'TCP', 'UDP']),
  appProtocol: (name, field) => (name === undefined ? [] : causesOf(checkQualifiedName, name, field)),
}

function validatePorts(ports: readonly DiscoveryV1EndpointPort[]): StatusCause[] {
  const names = new Set<string>()
  const causes = ports.flatMap((port, index) => {
    const path = `ports[${index}]`
    const { name = '' } = port
    const isRepeated = names.has(name)
    names.add(name)
    return [...checkFields(port, path, portRules), ...(isRepeated ? [duplicate(`${path}.name`, name)] : [])]
  })
  return ports.length > maxPorts ? [tooMany('ports', ports.length, maxPorts), ...causes] : causes
}

const hintRules: FieldRules<DiscoveryV1EndpointHints> = {
  forZones: hints(checkLabelValue),
  forNodes: hints(checkSubdomain),
}
const endpointRules: FieldRules<DiscoveryV1Endpoint> = {
  nodeName: (name, field) => (name === undefined ? [] : causesOf(checkSubdomain, name, field)),
  hostname: (name, field) => (name === undefined ? [] : causesOf(checkLabel, name, field)),
  hints: struct(hintRules),
}

function hints(check: (name: string) => readonly string[]): Rule<readonly { readonly name: string }[]> {
  return (list = [], field) => [
    ...(list.length > maxHints ? [tooMany(field, list.length, maxHints)] : []),
    ...list.flatMap(({ name = '' }: { name?: string }, index) => [
      ...(list.findIndex((hint) => (hint.name ?? '') === name) < index ? [duplicate(`${field}[${index}].name`, name)] : []),
      ...causesOf(check, name, `${field}[${index}].name`),
    ]),
  ]
}

function validateEndpoints({ addressType, endpoints: list }: DiscoveryV1EndpointSlice): StatusCause[] {
  const causes = list.flatMap((endpoint, index) => {
    const field = `endpoints[${index}]`
    const { addresses = [], targetRef } = partial(endpoint)
    const isPod = targetRef?.kind === 'Pod'
    const path = `${field}.addresses`
    return [
      ...(addresses.length === 0 ? [required(path, 'must contain at least 1 address')] : []),
      ...(addresses.length > maxAddresses ? [tooMany(path, addresses.length, maxAddresses)] : []),
      ...addresses.flatMap((address, at) => validateAddress(addressType, address, { path, field: `${path}[${at}]`, isPod })),
      ...checkFields(endpoint, field, endpointRules),
    ]
  })
  return list.length > maxEndpoints ? [tooMany('endpoints', list.length, maxEndpoints), ...causes] : causes
}

interface AddressPlace {
  /** The list, and the address in it. */
  readonly path: string
  readonly field: string
  /** Pods of a node that is known on its own machine only are at an address of that machine. */
  readonly isPod: boolean
}

/** Of an address of the other family upstream blames the list. */
function validateAddress(type: string, address: string, { path, field, isPod }: AddressPlace): readonly StatusCause[] {
  if (type === 'FQDN') return checkDomainName(address, field)
  const family = type === 'IPv4' ? 4 : type === 'IPv6' ? 6 : undefined
  if (family === undefined) return []
  const problems = checkAddress(address, field)
  if (problems.length > 0) return problems
  return [
    ...(familyOf(address) === family ? [] : [invalidValue(path, address, `must be an ${type} address`)]),
    ...(family === 6 && familyOf(address) === 6 ? checkCanonical(address, field) : []),
    ...(isPod ? [] : checkReachableAddress(address, field)),
  ]
}

function checkDomainName(text: string, field: string): StatusCause[] {
  if (text === '') return [required(field)]
  const name = text.replace(/\.$/, '')
  const problems = checkSubdomain(name)
  if (problems.length > 0) return [invalidValue(field, name, problems.join(','))]
  const labels = name.split('.')
  if (labels.length < 2) return [invalidValue(field, name, 'should be a domain with at least two segments separated by dots')]
  const bad = labels.find((label) => checkLabel(label).length > 0)
  return bad === undefined ? [] : [invalidValue(field, bad, checkLabel(bad).join(','))]
}

function slicePorts({ ports = [] }: DiscoveryV1EndpointSlice): string {
  if (ports.length === 0) return '<unset>'
  return shorten(ports.map(({ name, port }) => String(port ?? (name ? name : '*'))))
}

function sliceAddresses({ endpoints: list }: DiscoveryV1EndpointSlice): string {
  const addresses = list.flatMap(({ addresses: own = [] }: Partial<DiscoveryV1Endpoint>) => own)
  return addresses.length === 0 ? '<unset>' : shorten(addresses)
}
