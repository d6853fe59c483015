import { isDeepStrictEqual } from 'node:util'
import { duplicate, forbiddenField, invalidValue, required, tooLong } from '../field-errors.ts'
import { between, causesOf, checkFields, count, formed, oneOf, partial, present, type FieldRules, type Rule } from '../field-rules.ts'
import {
  StorageV1CSIDriver,
  StorageV1CSINode,
  StorageV1CSIStorageCapacity,
  StorageV1VolumeAttachment,
  StorageV1VolumeAttributesClass,
  type StorageV1CSIDriverSpec,
  type StorageV1CSINodeDriver,
  type StorageV1TokenRequest,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkQualifiedName, checkSubdomain } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'
import { validateImmutable, validateLabelSelector } from '../validation.ts'
import { driverName } from './volume-sources.ts'

const maxParameters = 512
const maxParameterBytes = 256 * 1024
const maxNodeIdLength = 256
const shortestTokenSeconds = 600
const longestTokenSeconds = 2 ** 32
const shortestPeriodSeconds = 10

/** Who makes volumes: a name whose case does not matter. */
export const provisioner: Rule<string> = (name, field) =>
  name ? causesOf(checkQualifiedName, name.toLowerCase(), field) : [required(field)]

/** What is told to whoever makes volumes. */
export const parameters: Rule<Readonly<Record<string, string>>> = (given = {}, field) => {
  const entries = Object.entries(given)
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
  return [
    ...(entries.length > maxParameters ? [tooLong(field, maxParameters)] : []),
    ...entries.flatMap(([key]) => (key === '' ? [invalidValue(field, key, 'field can not be empty.')] : [])),
    ...(bytes > maxParameterBytes ? [tooLong(field, maxParameterBytes)] : []),
  ]
}

const tokenRequests: Rule<readonly StorageV1TokenRequest[]> = (list = [], field) =>
  list.flatMap((request, index) => {
    const { audience = '', expirationSeconds: seconds } = partial(request)
    const path = `${field}[${index}]`
    if (list.findIndex((other) => (other.audience ?? '') === audience) < index) return [duplicate(`${path}.audience`, audience)]
    return [
      ...between(shortestTokenSeconds, Infinity, 'may not specify a duration less than 10 minutes')(seconds, `${path}.expirationSeconds`),
      ...between(
        -Infinity,
        longestTokenSeconds,
        'may not specify a duration larger than 2^32 seconds',
      )(seconds, `${path}.expirationSeconds`),
    ]
  })

const driverRules: FieldRules<StorageV1CSIDriverSpec> = {
  fsGroupPolicy: oneOf('File', 'None', 'ReadWriteOnceWithFSType'),
  tokenRequests,
  volumeLifecycleModes: (modes = [], field) => modes.flatMap((mode) => oneOf('Persistent', 'Ephemeral')(mode, field)),
  nodeAllocatableUpdatePeriodSeconds: between(shortestPeriodSeconds, Infinity, 'must be greater than or equal to 10 seconds'),
}

const csiDriver: KindPart<StorageV1CSIDriver> = {
  kind: StorageV1CSIDriver,
  setDefaults({ spec }) {
    spec.attachRequired ??= true
    spec.podInfoOnMount ??= false
    spec.storageCapacity ??= false
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent']
    spec.requiresRepublish ??= false
    spec.seLinuxMount ??= false
  },
  validate: ({ spec }) => checkFields(spec, 'spec', driverRules),
  validateUpdate: ({ spec }, { spec: previous }) => [
    // Upstream calls the field otherwise than it is.
    ...validateImmutable('spec.attachedRequired', spec.attachRequired, previous.attachRequired),
    ...validateImmutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, previous.volumeLifecycleModes),
  ],
}

/** Upstream names the driver where one of its topology keys is wrong. */
function validateNodeDriver(driver: StorageV1CSINodeDriver, path: string): StatusCause[] {
  const { name, nodeID = '', allocatable, topologyKeys = [] } = partial(driver)
  return [
    ...driverName(name, `${path}.name`),
    ...present()(nodeID, `${path}.nodeID`),
    ...(nodeID.length > maxNodeIdLength ? [invalidValue(`${path}.nodeID`, nodeID, `must be ${maxNodeIdLength} characters or less`)] : []),
    ...count(allocatable?.count, `${path}.allocatable.count`),
    ...topologyKeys.flatMap((key, index) => [
      ...(key === '' ? [required(path)] : []),
      ...(topologyKeys.indexOf(key) < index ? [duplicate(path, key)] : []),
      ...causesOf(checkQualifiedName, key, path),
    ]),
  ]
}

const csiNode: KindPart<StorageV1CSINode> = {
  kind: StorageV1CSINode,
  validate: ({ spec }) => {
    const { drivers = [] } = partial(spec)
    return drivers.flatMap((driver, index) => [
      ...validateNodeDriver(driver, `spec.drivers[${index}]`),
      ...(drivers.findIndex(({ name }) => name === driver.name) < index ? [duplicate(`spec.drivers[${index}].name`, driver.name)] : []),
    ])
  },
  validateUpdate: ({ spec }, { spec: previous }) => {
    // How many volumes a node can have may change while it runs.
    const fixed = ({ name, nodeID, topologyKeys }: StorageV1CSINodeDriver) => ({ name, nodeID, topologyKeys })
    const known = new Map((partial(previous).drivers ?? []).map((driver) => [driver.name, fixed(driver)]))
    return (partial(spec).drivers ?? []).flatMap((driver) =>
      known.has(driver.name) ? validateImmutable('spec.drivers', fixed(driver), known.get(driver.name)) : [],
    )
  },
}

const csiStorageCapacity: KindPart<StorageV1CSIStorageCapacity> = {
  kind: StorageV1CSIStorageCapacity,
  validate: ({ nodeTopology, storageClassName, capacity }) => [
    ...(nodeTopology === undefined ? [] : validateLabelSelector(nodeTopology, 'nodeTopology')),
    ...causesOf(checkSubdomain, storageClassName ?? '', 'storageClassName'),
    ...((tryParseQuantity(capacity ?? '0')?.nanos ?? 0n) < 0n
      ? [invalidValue('capacity', capacity, 'must be greater than or equal to 0')]
      : []),
  ],
  validateUpdate: (object, previous) => [
    ...validateImmutable('nodeTopology', object.nodeTopology, previous.nodeTopology),
    ...validateImmutable('storageClassName', object.storageClassName, previous.storageClassName),
  ],
}

const volumeAttachment: KindPart<StorageV1VolumeAttachment> = {
  kind: StorageV1VolumeAttachment,
  validate: ({ spec }) => {
    const { attacher, nodeName = '', source = {} } = partial(spec)
    const { persistentVolumeName: name, inlineVolumeSpec } = source
    const both = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
    return [
      ...driverName(attacher, 'spec.attacher'),
      ...(name === undefined && inlineVolumeSpec === undefined ? [required('spec.source', both)] : []),
      ...(name !== undefined && inlineVolumeSpec !== undefined ? [forbiddenField('spec.source', both)] : []),
      ...(name === '' ? [required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName')] : []),
      ...formed(checkSubdomain)(name, 'spec.source.persistentVolumeName'),
      ...causesOf(checkSubdomain, nodeName, 'spec.nodeName'),
    ]
  },
  validateUpdate: ({ spec }, { spec: previous }) => validateImmutable('spec', spec, previous),
}

const volumeAttributesClass: KindPart<StorageV1VolumeAttributesClass> = {
  kind: StorageV1VolumeAttributesClass,
  validate: ({ driverName: driver, parameters: given = {} }) => [
    ...provisioner(driver, 'driverName'),
    ...parameters(given, 'parameters'),
    ...(Object.keys(given).length === 0 ? [required('parameters', 'must contain at least one key/value pair')] : []),
  ],
  validateUpdate: (object, previous) =>
    (['driverName', 'parameters'] as const)
      .filter((name) => !isDeepStrictEqual(object[name], previous[name]))
      .map((name) => forbiddenField(name, `updates to ${name} are forbidden.`)),
}

/** Kinds by which drivers of storage and the cluster tell each other what there is. */
export const storageKinds: readonly KindPart<KubeObject>[] = [
  csiDriver,
  csiNode,
  csiStorageCapacity,
  volumeAttachment,
  volumeAttributesClass,
]
