import { notSupported, required } from '../field-errors.ts'
import { CoreV1Node } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'

const effects = ['NoExecute', 'NoSchedule', 'PreferNoSchedule']
const rolePrefix = 'node-role.kubernetes.io/'

export const node: KindPart<CoreV1Node> = {
  kind: CoreV1Node,
  // A node agent registers itself with its status.
  acceptsStatusOnCreate: true,
  setDefaults({ status }) {
    if (status?.capacity !== undefined) status.allocatable ??= { ...status.capacity }
  },
  validate: ({ spec }) =>
    (spec.taints ?? []).flatMap(({ key, effect }, index) => [
      ...(key ? [] : [required(`spec.taints[${index}].key`)]),
      ...(effects.includes(effect) ? [] : [notSupported(`spec.taints[${index}].effect`, effect ?? '', effects)]),
    ]),
  validateUpdate({ spec }, { spec: previous }) {
    // Allocated once, by whoever manages addresses.
    return [
      ...(previous.podCIDR ? validateImmutable('spec.podCIDR', spec.podCIDR, previous.podCIDR) : []),
      ...(previous.providerID ? validateImmutable('spec.providerID', spec.providerID, previous.providerID) : []),
    ]
  },
  columns: [
    nameColumn,
    textColumn('Status'),
    textColumn('Roles'),
    ageColumn,
    textColumn('Version'),
    textColumn('Internal-IP', 1),
    textColumn('External-IP', 1),
    textColumn('OS-Image', 1),
    textColumn('Kernel-Version', 1),
    textColumn('Container-Runtime', 1),
  ],
  cells(object, now) {
    const info = object.status?.nodeInfo
    return [
      object.metadata.name ?? '',
      statusText(object),
      rolesText(object),
      ageCell(object, now),
      info?.kubeletVersion ?? '',
      addressText(object, 'InternalIP'),
      addressText(object, 'ExternalIP'),
      info?.osImage || '<unknown>',
      info?.kernelVersion || '<unknown>',
      info?.containerRuntimeVersion || '<unknown>',
    ]
  },
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
}

function statusText({ spec, status }: CoreV1Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return spec.unschedulable === true ? `${text},SchedulingDisabled` : text
}

function rolesText({ metadata }: CoreV1Node): string {
  const labels = metadata.labels ?? {}
  const roles = Object.keys(labels)
    .filter((label) => label.startsWith(rolePrefix) && label.length > rolePrefix.length)
    .map((label) => label.slice(rolePrefix.length))
  if (labels['kubernetes.io/role']) roles.push(labels['kubernetes.io/role'])
  return roles.length === 0 ? '<none>' : [...new Set(roles)].sort().join(',')
}

function addressText({ status }: CoreV1Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? '<none>'
}
