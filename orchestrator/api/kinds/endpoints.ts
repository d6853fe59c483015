import { isIP } from 'node:net'
import { invalidValue, required } from '../field-errors.ts'
import { CoreV1Endpoints, type CoreV1EndpointAddress } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { isPort, portRange } from './container-validation.ts'
import { shorten } from './shorten.ts'

const addressMessage = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

export const endpoints: KindPart<CoreV1Endpoints> = {
  kind: CoreV1Endpoints,
  createsOnUpdate: true,
  setDefaults(object) {
    for (const { ports } of object.subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP'
  },
  validate: ({ subsets = [] }) =>
    subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
      const path = `subsets[${index}]`
      const badAddresses = Object.entries({ addresses, notReadyAddresses }).flatMap(([name, list]) =>
        list.flatMap(({ ip }, at) => (isIP(ip ?? '') === 0 ? [invalidValue(`${path}.${name}[${at}].ip`, ip ?? '', addressMessage)] : [])),
      )
      const badPorts = ports.flatMap(({ port, name }, at) => [
        ...(isPort(port ?? 0) ? [] : [invalidValue(`${path}.ports[${at}].port`, port ?? 0, portRange)]),
        ...(ports.length > 1 && !name ? [required(`${path}.ports[${at}].name`)] : []),
      ])
      const isEmpty = addresses.length === 0 && notReadyAddresses.length === 0
      return [...(isEmpty ? [required(path, 'must specify `addresses` or `notReadyAddresses`')] : []), ...badAddresses, ...badPorts]
    }),
  columns: [nameColumn, textColumn('Endpoints'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', endpointsText(object), ageCell(object, now)],
}

function endpointsText({ subsets = [] }: CoreV1Endpoints): string {
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) =>
          addresses.map(({ ip = '' }: Partial<CoreV1EndpointAddress>) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  )
  return texts.length === 0 ? '<none>' : shorten(texts)
}
