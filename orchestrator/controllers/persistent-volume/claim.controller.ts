import {
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  StorageV1StorageClass,
} from '../../api/generated/kinds.ts'
import { currentProvisioner } from '../../api/migrated-drivers.ts'
import { keyOf } from '../../api/object.ts'
import { claimsOfPod, classOf, findVolume, localDriver, noProvisioner, waitsForConsumer } from '../../api/persistent-volumes.ts'
import { compareQuantities, parseQuantity } from '../../api/quantity.ts'
import type { Client } from '../../client/client.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import { removeFinalizer } from '../finalizers.ts'
import { reportStatus } from '../status.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { isTerminated, podIndexes } from '../pod-state.ts'
import { localVolumeOf } from './local-volume.ts'
import { ignorePresent } from '../refusal.ts'

const protection = 'kubernetes.io/pvc-protection'
const boundAnnotation = 'pv.kubernetes.io/bind-completed'
const boundByAnnotation = 'pv.kubernetes.io/bound-by-controller'
/** What provisioners outside of this program look for. */
const provisionerAnnotation = 'volume.kubernetes.io/storage-provisioner'
const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node'

interface Caches {
  readonly pods: Informer<CoreV1Pod>
  readonly volumes: Informer<CoreV1PersistentVolume>
  readonly classes: Informer<StorageV1StorageClass>
  readonly nodes: Informer<CoreV1Node>
}

/** Binds each claim to a volume, makes one where the class is the node's own folders, and keeps a claim while pods use it. */
export function createClaimController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1PersistentVolumeClaim> {
  const claimKeys = (pod: CoreV1Pod) => claimsOfPod(pod.metadata.name!, pod.spec).map((name) => `${pod.metadata.namespace}/${name}`)
  const caches: Caches = {
    pods: informers.informer(CoreV1Pod, { indexes: { ...podIndexes, claim: claimKeys } }),
    volumes: informers.informer(CoreV1PersistentVolume),
    classes: informers.informer(StorageV1StorageClass),
    nodes: informers.informer(CoreV1Node),
  }
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  function* waitingClaims(): Iterable<string> {
    for (const claim of claims.list()) if (claim.status?.phase !== 'Bound') yield keyOf(claim)
  }
  function* claimsFor({ spec }: CoreV1PersistentVolume): Iterable<string> {
    if (spec?.claimRef !== undefined) yield `${spec.claimRef.namespace}/${spec.claimRef.name}`
    else yield* waitingClaims()
  }
  return {
    name: 'persistentvolume-binder',
    for: CoreV1PersistentVolumeClaim,
    // One after the other: two claims must not choose the same volume.
    workers: 1,
    watches: [watch(CoreV1Pod, claimKeys), watch(CoreV1PersistentVolume, claimsFor), watch(StorageV1StorageClass, waitingClaims)],
    async reconcile(claim, context) {
      const users = [...caches.pods.byIndex('claim', keyOf(claim))].filter((pod) => !isTerminated(pod))
      if (claim.metadata.deletionTimestamp !== undefined) {
        if (users.length === 0) await removeFinalizer(context.client, CoreV1PersistentVolumeClaim, claim, protection)
        return undefined
      }
      const named = claim.spec?.volumeName
      if (named !== undefined && named !== '') await confirm(claim, caches.volumes.get(named), context, caches)
      else await bind(claim, users, caches, context)
      return undefined
    },
  }
}

/** Looks for a volume for a claim that has none. */
async function bind(
  claim: CoreV1PersistentVolumeClaim,
  users: readonly CoreV1Pod[],
  caches: Caches,
  context: ReconcileContext,
): Promise<void> {
  const { events } = context
  const className = classOf(claim)
  const storageClass = className === '' ? undefined : caches.classes.get(className)
  const node = selectedNode(claim, users, caches)
  const isWaiting = waitsForConsumer(storageClass) && node === undefined
  const found = isWaiting ? undefined : findVolume(claim, caches.volumes.list(), waitsForConsumer(storageClass) ? node : undefined)
  if (found !== undefined) return join(claim, found, context)
  await report(claim, { phase: 'Pending' }, context)
  if (isWaiting) {
    events.event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
  } else if (className === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set'
    events.event(claim, 'Normal', 'FailedBinding', message)
  } else if (storageClass === undefined) {
    events.event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`)
  } else if (storageClass.provisioner === noProvisioner) {
    events.event(claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim')
  } else await provision(claim, storageClass, node, context)
}

/** Where the claim is needed: on the node that the scheduler has named on it, or on that of the first pod that uses it. */
function selectedNode({ metadata }: CoreV1PersistentVolumeClaim, users: readonly CoreV1Pod[], { nodes }: Caches): CoreV1Node | undefined {
  const name = metadata.annotations?.[selectedNodeAnnotation] ?? users.find(({ spec }) => spec.nodeName !== undefined)?.spec.nodeName
  return name === undefined ? undefined : nodes.get(name)
}

async function provision(
  claim: CoreV1PersistentVolumeClaim,
  storageClass: StorageV1StorageClass,
  node: CoreV1Node | undefined,
  { client, events }: ReconcileContext,
): Promise<void> {
  const provisioner = currentProvisioner(storageClass.provisioner)
  if (provisioner !== localDriver) {
    const wanted = {
      [provisionerAnnotation]: provisioner,
      ...(node === undefined ? {} : { [selectedNodeAnnotation]: node.metadata.name! }),
    }
    const has = claim.metadata.annotations ?? {}
    if (Object.entries(wanted).some(([name, value]) => has[name] !== value))
      await patchClaim(client, claim, { metadata: { annotations: wanted } })
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`
    events.event(claim, 'Normal', 'ExternalProvisioning', message)
    return
  }
  if (node === undefined) {
    events.event(
      claim,
      'Normal',
      'WaitForFirstConsumer',
      "waiting for a pod that uses the claim: its volume is a folder of that pod's node",
    )
    return
  }
  const modes = claim.spec?.accessModes ?? []
  if (claim.spec?.volumeMode === 'Block') {
    events.event(claim, 'Warning', 'ProvisioningFailed', `spec.volumeMode: Block is not possible: volumes of "${localDriver}" are folders`)
    return
  }
  await ignorePresent(client.create(CoreV1PersistentVolume, localVolumeOf(claim, storageClass, node, modes)))
  events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume pvc-${claim.metadata.uid}`)
}

/** Makes volume and claim name each other, the volume first: it is what others could take. */
async function join(claim: CoreV1PersistentVolumeClaim, volume: CoreV1PersistentVolume, context: ReconcileContext): Promise<void> {
  const { client } = context
  const { namespace, name, uid, resourceVersion } = claim.metadata
  if (volume.spec?.claimRef?.uid !== uid) {
    const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion }
    const body = {
      metadata: { resourceVersion: volume.metadata.resourceVersion, annotations: { [boundByAnnotation]: 'yes' } },
      spec: { claimRef },
    }
    await client.patch(CoreV1PersistentVolume, { name: volume.metadata.name! }, { type: 'application/merge-patch+json', body })
  }
  const body = {
    metadata: { annotations: { [boundAnnotation]: 'yes', [boundByAnnotation]: 'yes' } },
    spec: { volumeName: volume.metadata.name },
  }
  await report(await patchClaim(client, claim, body), boundStatus(volume), context)
}

/** A claim that names its volume: bound when the volume names it, lost when it was and the volume is gone or somebody else's. */
async function confirm(
  claim: CoreV1PersistentVolumeClaim,
  volume: CoreV1PersistentVolume | undefined,
  context: ReconcileContext,
  caches: Caches,
): Promise<void> {
  const wasBound = claim.metadata.annotations?.[boundAnnotation] !== undefined
  const reference = volume?.spec?.claimRef
  const isOurs = reference?.uid === claim.metadata.uid
  const isFree =
    volume !== undefined &&
    (reference === undefined ||
      (reference.namespace === claim.metadata.namespace && reference.name === claim.metadata.name && (reference.uid ?? '') === ''))
  if (volume !== undefined && (isOurs || isFree)) {
    if (!isOurs || !wasBound) return join(claim, volume, context)
    return report(claim, { ...boundStatus(await expand(claim, volume, caches, context)), ...toldSize(claim, volume) }, context)
  }
  if (!wasBound) return report(claim, { phase: 'Pending' }, context)
  const isGone = volume === undefined
  context.events.event(
    claim,
    'Warning',
    isGone ? 'ClaimLost' : 'ClaimMisbound',
    isGone
      ? 'Bound claim has lost its PersistentVolume. Data on the volume is lost!'
      : 'Two claims are bound to the same volume, this one is bound incorrectly',
  )
  await report(claim, { phase: 'Lost' }, context)
}

const boundStatus = ({ spec }: CoreV1PersistentVolume): NonNullable<CoreV1PersistentVolumeClaim['status']> => ({
  phase: 'Bound',
  ...(spec?.accessModes === undefined ? {} : { accessModes: spec.accessModes }),
  ...(spec?.capacity === undefined ? {} : { capacity: spec.capacity }),
})

/** What a bound claim has been told of its size stands until who enlarges the volume has done so. Folders have no other size than their object's. */
function toldSize(
  { status }: CoreV1PersistentVolumeClaim,
  { spec }: CoreV1PersistentVolume,
): NonNullable<CoreV1PersistentVolumeClaim['status']> {
  if (spec.csi?.driver === localDriver || status?.phase !== 'Bound') return {}
  return status.capacity === undefined ? {} : { capacity: status.capacity }
}

/** A folder has no size of its own: a larger request is a larger volume at once. Other drivers' resizers do it themselves. */
async function expand(
  claim: CoreV1PersistentVolumeClaim,
  volume: CoreV1PersistentVolume,
  { classes }: Caches,
  { client }: ReconcileContext,
): Promise<CoreV1PersistentVolume> {
  const storage = claim.spec?.resources?.requests?.['storage']
  if (storage === undefined || volume.spec?.csi?.driver !== localDriver || classes.get(classOf(claim))?.allowVolumeExpansion !== true)
    return volume
  if (compareQuantities(parseQuantity(storage), parseQuantity(volume.spec.capacity?.['storage'] ?? '0')) <= 0) return volume
  const body = { spec: { capacity: { storage } } }
  return client.patch(CoreV1PersistentVolume, { name: volume.metadata.name! }, { type: 'application/merge-patch+json', body })
}

const patchClaim = (client: Client, { metadata }: CoreV1PersistentVolumeClaim, body: object) =>
  client.patch(
    CoreV1PersistentVolumeClaim,
    { namespace: metadata.namespace, name: metadata.name! },
    { type: 'application/merge-patch+json', body },
  )

async function report(
  claim: CoreV1PersistentVolumeClaim,
  status: NonNullable<CoreV1PersistentVolumeClaim['status']>,
  { client }: ReconcileContext,
): Promise<void> {
  // What others have written beside stays.
  const { phase: _phase, accessModes: _modes, capacity: _capacity, ...others } = claim.status ?? {}
  const wanted = { ...others, ...status }
  await reportStatus(client, CoreV1PersistentVolumeClaim, claim, wanted)
}
