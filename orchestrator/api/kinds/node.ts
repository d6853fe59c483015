import { isDeepStrictEqual } from 'node:util'
import { duplicate, forbiddenField, invalidValue } from '../field-errors.ts'
import { causesOf, choice, each, partial } from '../field-rules.ts'
import { CoreV1Node, type CoreV1NodeSpec, type CoreV1NodeStatus, type CoreV1Taint } from '../generated/kinds.ts'
import { checkBlock } from '../ip-addresses.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkLabelValue, checkQualifiedName } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateAmount } from './resource-validation.ts'
import { taintEffects } from './scheduling-validation.ts'

const rolePrefix = 'node-role.kubernetes.io/'

export const node: KindPart<CoreV1Node> = {
  kind: CoreV1Node,
  // A node agent registers itself with its status.
  acceptsStatusOnCreate: true,
  setDefaults({ status }) {
    if (status?.capacity !== undefined) status.allocatable ??= { ...status.capacity }
  },
  validate: ({ spec, status }) => [
    ...validateTaints(spec.taints ?? []),
    ...validateStatus(status ?? {}),
    ...each(checkBlock)(blocksOf(spec), 'spec.podCIDRs'),
  ],
  validateUpdate({ spec }, { spec: previous }) {
    // Allocated once, by whoever manages addresses.
    const fixed = (name: string) =>
      forbiddenField(`spec.${name}`, `node updates may not change ${name === 'podCIDRs' ? 'podCIDR' : name} except from "" to valid`)
    return [
      ...(blocksOf(previous).length > 0 && !isDeepStrictEqual(blocksOf(spec), blocksOf(previous)) ? [fixed('podCIDRs')] : []),
      ...(previous.providerID && spec.providerID !== previous.providerID ? [fixed('providerID')] : []),
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

/** The ranges of a node's pods: the first has a field of its own, which counts where they differ. */
function blocksOf({ podCIDR, podCIDRs = [] }: CoreV1NodeSpec): readonly string[] {
  return podCIDR ? [podCIDR, ...podCIDRs.slice(1)] : []
}

/** Upstream has the taints of a node among its metadata. */
function validateTaints(taints: readonly CoreV1Taint[]): StatusCause[] {
  const seen = new Set<string>()
  return taints.flatMap((taint, index) => {
    const { key = '', value = '', effect = '' } = partial(taint)
    const path = `metadata.taints[${index}]`
    const problems = checkLabelValue(value)
    const isRepeated = seen.has(`${effect} ${key}`)
    seen.add(`${effect} ${key}`)
    return [
      ...causesOf(checkQualifiedName, key, `${path}.key`),
      ...(problems.length > 0 ? [invalidValue(`${path}.value`, value, problems.join(';'))] : []),
      ...choice(taintEffects)(effect, `${path}.effect`),
      ...(isRepeated
        ? [{ ...duplicate(path, taint), message: `${duplicate(path, taint).message}: taints must be unique by key and effect pair` }]
        : []),
    ]
  })
}

/** What a node agent says that there is. */
function validateStatus(status: CoreV1NodeStatus): StatusCause[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status[list] ?? {}).flatMap(([name, amount]) => validateAmount(name, amount, `status.${list}.${name}`)),
  )
}
