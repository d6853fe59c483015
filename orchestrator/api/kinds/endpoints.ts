import { required } from '../field-errors.ts'
import { causesOf, checkFields, each, formed, port, present, struct, type FieldRules } from '../field-rules.ts'
import {
  CoreV1Endpoints,
  type CoreV1EndpointAddress,
  type CoreV1EndpointPort,
  type CoreV1EndpointSubset,
  type MetaV1ObjectMeta,
} from '../generated/kinds.ts'
import { checkAddress, checkReachableAddress } from '../ip-addresses.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkLabel, checkQualifiedName, checkSubdomain } from '../names.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { protocol } from './container-validation.ts'
import { shorten } from './shorten.ts'

const addresses = each(
  struct<CoreV1EndpointAddress>(
    {
      hostname: formed(checkLabel),
      nodeName: (name, field) => (name === undefined ? [] : causesOf(checkSubdomain, name, field)),
    },
    // Pods of a node that is known on its own machine only are at an address of that machine.
    ({ ip, targetRef }, field) => (targetRef?.kind === 'Pod' ? checkAddress : checkReachableAddress)(ip, `${field}.ip`),
  ),
)
const rules: FieldRules<CoreV1EndpointSubset> = {
  addresses,
  notReadyAddresses: addresses,
  ports: each(
    struct<CoreV1EndpointPort>({
      name: formed(checkLabel),
      port,
      protocol,
      appProtocol: (name, field) => (name === undefined ? [] : causesOf(checkQualifiedName, name, field)),
    }),
  ),
}

/** Whether endpoints are those of the API server, which publishes them itself, also when it listens on its own machine only. */
export const isServer = ({ name, namespace }: MetaV1ObjectMeta) => name === 'kubernetes' && namespace === 'default'

export const endpoints: KindPart<CoreV1Endpoints> = {
  kind: CoreV1Endpoints,
  createsOnUpdate: true,
  setDefaults(object) {
    for (const { ports } of object.subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP'
  },
  validate: ({ metadata, subsets = [] }) =>
    isServer(metadata)
      ? []
      : subsets.flatMap((subset, index) => {
          const path = `subsets[${index}]`
          const { addresses = [], notReadyAddresses = [], ports = [] } = subset
          return [
            ...(addresses.length === 0 && notReadyAddresses.length === 0
              ? [required(path, 'must specify `addresses` or `notReadyAddresses`')]
              : []),
            ...checkFields(subset, path, rules),
            ...(ports.length < 2 ? [] : ports.flatMap(({ name }, at) => present()(name, `${path}.ports[${at}].name`))),
          ]
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
