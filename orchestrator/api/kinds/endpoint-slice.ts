import { isIP } from 'node:net'
import { invalidValue, notSupported, required } from '../field-errors.ts'
import { DiscoveryV1EndpointSlice, type DiscoveryV1Endpoint } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { shorten } from './shorten.ts'

const addressTypes = ['FQDN', 'IPv4', 'IPv6']

export const endpointSlice: KindPart<DiscoveryV1EndpointSlice> = {
  kind: DiscoveryV1EndpointSlice,
  setDefaults(object) {
    object.endpoints ??= []
    for (const port of object.ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  validate: ({ addressType, endpoints: list }) => [
    ...(addressType ? [] : [required('addressType')]),
    ...(addressType && !addressTypes.includes(addressType) ? [notSupported('addressType', addressType, addressTypes)] : []),
    ...list.flatMap(({ addresses = [] }: Partial<DiscoveryV1Endpoint>, index) => {
      const path = `endpoints[${index}].addresses`
      if (addresses.length === 0) return [required(path, 'must contain at least 1 address')]
      const version = addressType === 'IPv4' ? 4 : addressType === 'IPv6' ? 6 : undefined
      return addresses.flatMap((address, at) =>
        version !== undefined && isIP(address) !== version
          ? [invalidValue(`${path}[${at}]`, address, `must be a valid ${addressType} address`)]
          : [],
      )
    }),
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

function slicePorts({ ports = [] }: DiscoveryV1EndpointSlice): string {
  if (ports.length === 0) return '<unset>'
  return shorten(ports.map(({ name, port }) => String(port ?? (name ? name : '*'))))
}

function sliceAddresses({ endpoints: list }: DiscoveryV1EndpointSlice): string {
  const addresses = list.flatMap(({ addresses: own = [] }: Partial<DiscoveryV1Endpoint>) => own)
  return addresses.length === 0 ? '<unset>' : shorten(addresses)
}
