import type {
  CoreV1CSIPersistentVolumeSource,
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1SecretReference,
  CoreV1TopologySelectorTerm,
  StorageV1CSINode,
  StorageV1StorageClass,
} from '../../api/generated/kinds.ts'
import { classOf } from '../../api/persistent-volumes.ts'
import { valueOf } from '../../api/quantity.ts'
import type { CreatedVolume, CreateVolumeRequest, Topology } from '../../client/csi/csi-driver.ts'
import { volumeCapability } from '../../client/csi/volume-capability.ts'
import { isReservedParameter, secretReference } from './secret-reference.ts'

export interface ProvisionInput {
  readonly claim: CoreV1PersistentVolumeClaim
  readonly storageClass: StorageV1StorageClass
  readonly driver: string
  readonly capabilities: ReadonlySet<string>
}

/** The finalizer that keeps a volume's object until the driver has deleted the volume. Upstream's, so that either side can take over. */
export const provisionerFinalizer = 'external-provisioner.volume.kubernetes.io/finalizer'
const fsTypeParameter = 'csi.storage.k8s.io/fstype'

/** The volume's name for the driver and the API: the same claim gets the same volume however often it is asked for. */
export const volumeNameOf = ({ metadata }: CoreV1PersistentVolumeClaim) => `pvc-${metadata.uid}`

/** What a driver is to be asked for. */
export function createRequest(
  { claim, storageClass, capabilities }: ProvisionInput,
  more: { readonly secrets: Readonly<Record<string, string>>; readonly topologies: readonly Topology[]; readonly sourceHandle?: string },
): CreateVolumeRequest {
  const { requests, limits } = claim.spec?.resources ?? {}
  const limitBytes = valueOf(limits?.['storage'])
  const parameters = storageClass.parameters ?? {}
  return {
    name: volumeNameOf(claim),
    capacityRange: { requiredBytes: valueOf(requests?.['storage']), ...(limitBytes === 0 ? {} : { limitBytes }) },
    volumeCapabilities: (claim.spec?.accessModes ?? []).map((accessMode) =>
      volumeCapability({
        volumeMode: claim.spec?.volumeMode,
        accessMode,
        fsType: parameters[fsTypeParameter],
        mountOptions: storageClass.mountOptions,
        tellsWritersApart: capabilities.has('SINGLE_NODE_MULTI_WRITER'),
      }),
    ),
    parameters: Object.fromEntries(Object.entries(parameters).filter(([name]) => !isReservedParameter(name))),
    secrets: more.secrets,
    ...(more.sourceHandle === undefined ? {} : { volumeContentSource: { volume: { volumeId: more.sourceHandle } } }),
    ...(more.topologies.length === 0 ? {} : { accessibilityRequirements: { requisite: more.topologies, preferred: more.topologies } }),
  }
}

/** The object of a volume that a driver has made for a claim. */
export function volumeOf({ claim, storageClass, driver }: ProvisionInput, created: CreatedVolume): CoreV1PersistentVolume {
  const { namespace, name: claimName, uid } = claim.metadata
  const name = volumeNameOf(claim)
  const about = { volumeName: name, claim }
  const { parameters = {}, mountOptions, reclaimPolicy } = storageClass
  const { accessibleTopology: topologies } = created
  const { accessModes = [], volumeMode = 'Filesystem', resources } = claim.spec ?? {}
  // A driver that knows no size gives what was asked for.
  const bytes = created.capacityBytes ?? 0
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      finalizers: [provisionerFinalizer],
      annotations: {
        'pv.kubernetes.io/provisioned-by': driver,
        ...deletionAnnotations(secretReference('provisioner', parameters, about)),
      },
    },
    spec: {
      accessModes,
      capacity: { storage: bytes > 0 ? quantityOf(bytes) : (resources?.requests?.['storage'] ?? '0') },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: namespace!, name: claimName!, uid: uid! },
      csi: {
        driver,
        volumeHandle: created.volumeId ?? '',
        ...(Object.keys(created.volumeContext).length === 0 ? {} : { volumeAttributes: { ...created.volumeContext } }),
        ...(volumeMode === 'Block' || parameters[fsTypeParameter] === undefined ? {} : { fsType: parameters[fsTypeParameter] }),
        ...secretsOfUses(parameters, about),
      },
      persistentVolumeReclaimPolicy: reclaimPolicy ?? 'Delete',
      storageClassName: classOf(claim),
      volumeMode,
      ...(mountOptions === undefined ? {} : { mountOptions }),
      ...(topologies.length === 0 ? {} : { nodeAffinity: { required: { nodeSelectorTerms: topologies.map(termOf) } } }),
    },
  }
}

/** The secret that deleting takes is noted on the volume: the class may be gone by then. */
function deletionAnnotations(secret: CoreV1SecretReference | undefined): Record<string, string> {
  if (secret === undefined) return {}
  return {
    'volume.kubernetes.io/provisioner-deletion-secret-name': secret.name ?? '',
    'volume.kubernetes.io/provisioner-deletion-secret-namespace': secret.namespace ?? '',
  }
}

const uses = [
  ['controllerPublishSecretRef', 'controller-publish'],
  ['controllerExpandSecretRef', 'controller-expand'],
  ['nodeStageSecretRef', 'node-stage'],
  ['nodePublishSecretRef', 'node-publish'],
  ['nodeExpandSecretRef', 'node-expand'],
] as const

/** The secrets that a class names for what happens to a volume later. */
function secretsOfUses(
  parameters: Readonly<Record<string, string>>,
  about: Parameters<typeof secretReference>[2],
): Partial<CoreV1CSIPersistentVolumeSource> {
  const named = uses.map(([key, use]) => [key, secretReference(use, parameters, about)] as const)
  return Object.fromEntries(named.filter(([, secret]) => secret !== undefined))
}

const termOf = ({ segments }: Topology) => ({
  matchExpressions: Object.entries(segments)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ key, operator: 'In', values: [value] })),
})

const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']

/** Bytes in the largest unit that leaves no rest. */
export function quantityOf(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value > 0 && value % 1024 === 0 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1]
  return `${value}${units[unit]}`
}

/**
 * From where a volume has to be reached: the node that its pod is on; before there is one, whatever the class allows, or every place where the driver is. Empty:
 * the driver has no places.
 */
export function topologiesFor(options: {
  readonly driver: string
  readonly node: CoreV1Node | undefined
  readonly nodes: Iterable<CoreV1Node>
  readonly csiNode: (name: string) => StorageV1CSINode | undefined
  readonly allowed: readonly CoreV1TopologySelectorTerm[]
}): readonly Topology[] {
  const { driver, node, nodes, csiNode, allowed } = options
  const keysOf = (name: string) => csiNode(name)?.spec.drivers?.find((each) => each.name === driver)?.topologyKeys ?? []
  const placeOf = ({ metadata }: CoreV1Node): Topology => ({
    segments: Object.fromEntries(
      keysOf(metadata.name!).flatMap((key) => (metadata.labels?.[key] === undefined ? [] : [[key, metadata.labels[key]]])),
    ),
  })
  const places = (node === undefined ? [...nodes] : [node]).map(placeOf).filter(({ segments }) => Object.keys(segments).length > 0)
  const fits = ({ segments }: Topology) =>
    allowed.length === 0 ||
    allowed.some(({ matchLabelExpressions = [] }) => matchLabelExpressions.every(({ key, values }) => values.includes(segments[key] ?? '')))
  const distinct = new Map(places.filter(fits).map((place) => [JSON.stringify(place.segments), place]))
  return [...distinct.values()]
}
