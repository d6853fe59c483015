import { join } from 'node:path'
import type {
  CoreV1PersistentVolumeSpec,
  CoreV1Pod,
  CoreV1SecretReference,
  StorageV1CSIDriver,
  StorageV1VolumeAttachment,
} from '../../../api/generated/kinds.ts'
import { attachmentName } from '../../../api/volume-attachments.ts'
import type { VolumeCapability } from '../../../client/csi/csi-driver.ts'
import { volumeCapability } from '../../../client/csi/volume-capability.ts'
import { ConfigurationError } from '../../container/configuration-error.ts'
import { toTimestamp } from '../../../../lib/clock.ts'
import { csiFolder, devicePath, globalMount, inlineHandle, stagingFolder } from './csi-paths.ts'
import type { CsiPlugin } from './csi-plugins.ts'
import type { CsiVolumeInput } from './csi-volumes.ts'

type Texts = Readonly<Record<string, string>>

/** A volume is not attached to this node yet: who attaches it tells why, if need be. */
export class NotAttachedError extends ConfigurationError {}

/** Everything that a driver is to be told to give one pod one volume. Secrets in it must never be logged. */
export interface MountRequest {
  readonly driverName: string
  /** Of the volume's object, or of the volume in the pod. */
  readonly name: string
  readonly handle: string
  readonly isEphemeral: boolean
  readonly isAttachable: boolean
  readonly isReadOnly: boolean
  /** Is it published again from time to time? */
  readonly isRepublished: boolean
  readonly capability: VolumeCapability
  readonly publishContext: Texts
  readonly volumeContext: Texts
  readonly publishSecrets: Texts
  /** Where the node has the volume before any pod has; absent: the driver needs no such place. */
  readonly staging?: { readonly folder: string; readonly path: string; readonly secrets: Texts }
  readonly recordFolder: string
  readonly targetPath: string
  /** To which the node itself gives the volume's files. */
  readonly group?: number
}

interface Place {
  readonly dataDir: string
  readonly nodeName: string
  readonly plugin: CsiPlugin
}

const contextPrefix = 'csi.storage.k8s.io'

/** Looks everything up. Rejects with a `ConfigurationError` for what is missing or cannot be. */
export function mountRequest(input: CsiVolumeInput, place: Place): Promise<MountRequest> {
  return input.persistent === undefined ? inlineRequest(input, place) : persistentRequest(input, input.persistent, place)
}

async function persistentRequest(
  input: CsiVolumeInput,
  { volume }: NonNullable<CsiVolumeInput['persistent']>,
  { dataDir, nodeName, plugin }: Place,
): Promise<MountRequest> {
  const { pod, source } = input
  const spec = volume.spec
  const csi = spec.csi!
  const name = volume.metadata.name!
  const driver = await source.driver(csi.driver)
  requireMode(driver, csi.driver, 'Persistent')
  const isAttachable = driver?.spec.attachRequired !== false
  const attachment = isAttachable ? await attachmentOf(input, attachmentName(csi.volumeHandle, csi.driver, nodeName)) : undefined
  const [stageSecrets, publishSecrets] = await Promise.all([
    secretsOf(input, csi.nodeStageSecretRef),
    secretsOf(input, csi.nodePublishSecretRef),
  ])
  const { group, delegated } = groupOf(pod, plugin, driver, spec)
  const folder = stagingFolder(dataDir, csi.driver, csi.volumeHandle)
  const recordFolder = join(input.podDirectory, 'volumes', csiFolder, name)
  return {
    driverName: csi.driver,
    name,
    handle: csi.volumeHandle,
    isEphemeral: false,
    isAttachable,
    isReadOnly: csi.readOnly === true || input.volume.persistentVolumeClaim?.readOnly === true,
    isRepublished: driver?.spec.requiresRepublish === true,
    capability: volumeCapability({
      volumeMode: spec.volumeMode,
      accessMode: spec.accessModes?.[0] ?? 'ReadWriteOnce',
      fsType: csi.fsType,
      mountOptions: spec.mountOptions,
      tellsWritersApart: plugin.capabilities.has('SINGLE_NODE_MULTI_WRITER'),
      ...(delegated === undefined ? {} : { group: delegated }),
    }),
    publishContext: attachment?.status?.attachmentMetadata ?? {},
    volumeContext: { ...csi.volumeAttributes, ...(await podContext(input, driver, false)) },
    publishSecrets,
    ...(plugin.capabilities.has('STAGE_UNSTAGE_VOLUME')
      ? { staging: { folder, path: join(folder, globalMount), secrets: stageSecrets } }
      : {}),
    recordFolder,
    targetPath: spec.volumeMode === 'Block' ? devicePath(dataDir, name, pod.metadata.uid!) : join(recordFolder, 'mount'),
    ...(group === undefined ? {} : { group }),
  }
}

async function inlineRequest(input: CsiVolumeInput, { plugin }: Place): Promise<MountRequest> {
  const { pod, volume } = input
  const csi = volume.csi!
  const driver = await input.source.driver(csi.driver)
  requireMode(driver, csi.driver, 'Ephemeral')
  const { namespace, uid } = pod.metadata
  const secret = csi.nodePublishSecretRef?.name
  const { group, delegated } = groupOf(pod, plugin, driver, { csi: { ...csi, volumeHandle: '' }, accessModes: ['ReadWriteOnce'] })
  const recordFolder = join(input.podDirectory, 'volumes', csiFolder, volume.name)
  return {
    driverName: csi.driver,
    name: volume.name,
    handle: inlineHandle(uid!, volume.name),
    isEphemeral: true,
    isAttachable: false,
    isReadOnly: csi.readOnly === true,
    isRepublished: driver?.spec.requiresRepublish === true,
    capability: volumeCapability({
      volumeMode: 'Filesystem',
      accessMode: 'ReadWriteOnce',
      fsType: csi.fsType,
      mountOptions: undefined,
      tellsWritersApart: plugin.capabilities.has('SINGLE_NODE_MULTI_WRITER'),
      ...(delegated === undefined ? {} : { group: delegated }),
    }),
    publishContext: {},
    volumeContext: { ...csi.volumeAttributes, ...(await podContext(input, driver, true)) },
    publishSecrets: await secretsOf(input, secret === undefined ? undefined : { name: secret, namespace: namespace! }),
    recordFolder,
    targetPath: join(recordFolder, 'mount'),
    ...(group === undefined ? {} : { group }),
  }
}

/** Words as upstream. */
function requireMode(driver: StorageV1CSIDriver | undefined, name: string, mode: 'Persistent' | 'Ephemeral'): void {
  const modes = driver?.spec.volumeLifecycleModes ?? ['Persistent']
  if (modes.includes(mode)) return
  const list = modes.map((each) => JSON.stringify(each)).join(' ')
  throw new ConfigurationError(`volume mode "${mode}" not supported by driver ${name} (only supports [${list}])`)
}

async function attachmentOf({ source }: CsiVolumeInput, name: string): Promise<StorageV1VolumeAttachment> {
  const attachment = await source.attachment(name)
  if (attachment?.status?.attached === true && attachment.metadata.deletionTimestamp === undefined) return attachment
  const why = attachment?.status?.attachError?.message
  throw new NotAttachedError(`the volume is not attached to the node yet (volumeattachment ${name})${why === undefined ? '' : `: ${why}`}`)
}

/** What a secret that a volume names holds, as text. */
export async function secretsOf({ source }: Pick<CsiVolumeInput, 'source'>, reference: CoreV1SecretReference | undefined): Promise<Texts> {
  if (reference?.name === undefined || reference.name === '') return {}
  const { namespace = '', name } = reference
  const secret = await source.secret(namespace, name)
  if (secret === undefined) throw new ConfigurationError(`secret "${namespace}/${name}" of the volume not found`)
  return Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
}

/** Whose the volume's files are to be, and whether the driver or the node sees to it. As the kubelet's `supportsFSGroup`. */
function groupOf(
  { spec }: CoreV1Pod,
  plugin: CsiPlugin,
  driver: StorageV1CSIDriver | undefined,
  volume: CoreV1PersistentVolumeSpec,
): { readonly group?: number; readonly delegated?: number } {
  const group = spec.securityContext?.fsGroup
  if (group === undefined || volume.volumeMode === 'Block') return {}
  if (plugin.capabilities.has('VOLUME_MOUNT_GROUP')) return { delegated: group }
  const policy = driver?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType'
  const isOneWriters = (volume.csi?.fsType ?? '') !== '' && volume.accessModes?.includes('ReadWriteOnce') === true
  return policy === 'File' || (policy === 'ReadWriteOnceWithFSType' && isOneWriters) ? { group } : {}
}

/** What a driver that asks for it is told of the pod. */
async function podContext(
  { pod, tokens }: CsiVolumeInput,
  driver: StorageV1CSIDriver | undefined,
  isEphemeral: boolean,
): Promise<Record<string, string>> {
  const { podInfoOnMount, tokenRequests = [] } = driver?.spec ?? {}
  const context: Record<string, string> = {}
  if (podInfoOnMount === true) {
    context[`${contextPrefix}/pod.name`] = pod.metadata.name!
    context[`${contextPrefix}/pod.namespace`] = pod.metadata.namespace!
    context[`${contextPrefix}/pod.uid`] = pod.metadata.uid!
    context[`${contextPrefix}/serviceAccount.name`] = pod.spec.serviceAccountName ?? 'default'
    context[`${contextPrefix}/ephemeral`] = String(isEphemeral)
  }
  if (tokenRequests.length === 0) return context
  const made = await Promise.all(
    tokenRequests.map(async ({ audience, expirationSeconds }) => {
      const { token, expiresAtMs } = await tokens.token(pod, audience, expirationSeconds)
      return [audience, { token, expirationTimestamp: toTimestamp(expiresAtMs) }] as const
    }),
  )
  context[`${contextPrefix}/serviceAccount.tokens`] = JSON.stringify(Object.fromEntries(made))
  return context
}
