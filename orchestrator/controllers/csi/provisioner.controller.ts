import {
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  StorageV1CSINode,
  StorageV1StorageClass,
} from '../../api/generated/kinds.ts'
import { classOf } from '../../api/persistent-volumes.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import type { CsiController, CsiDrivers } from './csi-drivers.ts'
import { createRequest, topologiesFor, volumeNameOf, volumeOf } from './provision.plan.ts'
import type { ProvisionInput } from './provision.plan.ts'
import { readSecret, secretReference } from './secret-reference.ts'
import { ignorePresent } from '../refusal.ts'

const provisionerAnnotations = ['volume.kubernetes.io/storage-provisioner', 'volume.beta.kubernetes.io/storage-provisioner']
const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node'

interface Caches {
  readonly volumes: Informer<CoreV1PersistentVolume>
  readonly claims: Informer<CoreV1PersistentVolumeClaim>
  readonly classes: Informer<StorageV1StorageClass>
  readonly nodes: Informer<CoreV1Node>
  readonly csiNodes: Informer<StorageV1CSINode>
}

/** Has a driver make a volume for each claim that asks for one by annotation. In place of upstream's external-provisioner. */
export function createCsiProvisioner({
  informers,
  drivers,
}: {
  readonly informers: InformerFactory
  readonly drivers: CsiDrivers
}): ControllerDeclaration<CoreV1PersistentVolumeClaim> {
  const caches: Caches = {
    volumes: informers.informer(CoreV1PersistentVolume),
    claims: informers.informer(CoreV1PersistentVolumeClaim),
    classes: informers.informer(StorageV1StorageClass),
    nodes: informers.informer(CoreV1Node),
    csiNodes: informers.informer(StorageV1CSINode),
  }
  return {
    name: 'csi-provisioner',
    for: CoreV1PersistentVolumeClaim,
    async reconcile(claim, context) {
      const { metadata, spec } = claim
      const name = provisionerAnnotations.map((key) => metadata.annotations?.[key]).find((value) => value !== undefined)
      const storageClass = caches.classes.get(classOf(claim))
      if (name === undefined || !drivers.names.has(name) || storageClass === undefined) return undefined
      if (metadata.deletionTimestamp !== undefined || (spec?.volumeName ?? '') !== '') return undefined
      if (caches.volumes.get(volumeNameOf(claim)) !== undefined) return undefined
      const isWaiting =
        storageClass.volumeBindingMode === 'WaitForFirstConsumer' && metadata.annotations?.[selectedNodeAnnotation] === undefined
      if (isWaiting) return undefined
      try {
        await provision({ claim, storageClass, driver: name }, await drivers.get(name), { caches, context })
      } catch (error) {
        const message = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${(error as Error).message}`
        context.events.event(claim, 'Warning', 'ProvisioningFailed', message)
        throw error
      }
      return undefined
    },
  }
}

async function provision(
  about: Omit<ProvisionInput, 'capabilities'>,
  { driver, capabilities }: CsiController,
  { caches, context }: { readonly caches: Caches; readonly context: ReconcileContext },
): Promise<void> {
  const { client, events } = context
  const { claim, storageClass } = about
  const input: ProvisionInput = { ...about, capabilities }
  const volumeName = volumeNameOf(claim)
  const secrets = await readSecret(client, secretReference('provisioner', storageClass.parameters ?? {}, { volumeName, claim }))
  const nodeName = claim.metadata.annotations?.[selectedNodeAnnotation]
  const topologies = capabilities.has('VOLUME_ACCESSIBILITY_CONSTRAINTS')
    ? topologiesFor({
        driver: about.driver,
        node: nodeName === undefined ? undefined : caches.nodes.get(nodeName),
        nodes: caches.nodes.list(),
        csiNode: (name) => caches.csiNodes.get(name),
        allowed: storageClass.allowedTopologies ?? [],
      })
    : []
  const sourceHandle = sourceOf(input, caches)
  const { namespace, name } = claim.metadata
  events.event(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${namespace}/${name}"`)
  const { volume } = await driver.call(
    'CreateVolume',
    createRequest(input, { secrets, topologies, ...(sourceHandle === undefined ? {} : { sourceHandle }) }),
  )
  if (volume?.volumeId === undefined) throw new Error('the driver made a volume without an id')
  await ignorePresent(client.create(CoreV1PersistentVolume, volumeOf(input, volume)))
  events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeName}`)
}

/** The handle of the volume that a claim wants a copy of. */
function sourceOf({ claim, capabilities, driver }: ProvisionInput, { claims, volumes }: Caches): string | undefined {
  const source = claim.spec?.dataSource ?? claim.spec?.dataSourceRef
  if (source === undefined) return undefined
  if (source.kind !== 'PersistentVolumeClaim' || (source.apiGroup ?? '') !== '')
    throw new Error(`a volume cannot be made from a ${source.kind}, only from a PersistentVolumeClaim`)
  if (!capabilities.has('CLONE_VOLUME')) throw new Error(`driver ${driver} cannot copy volumes`)
  const original = claims.get(`${claim.metadata.namespace}/${source.name}`)
  const csi = volumes.get(original?.spec?.volumeName ?? '')?.spec.csi
  if (csi?.driver !== driver) throw new Error(`claim "${source.name}", which is to be copied, has no volume of driver ${driver}`)
  return csi.volumeHandle
}
