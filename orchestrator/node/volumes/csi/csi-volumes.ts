import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../../../../lib/clock.ts'
import { GrpcError, grpcStatus } from '../../../../lib/grpc.ts'
import type { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim, CoreV1Pod, CoreV1Volume } from '../../../api/generated/kinds.ts'
import { inUseName } from '../../../api/volume-attachments.ts'
import type { Client } from '../../../client/client.ts'
import type { CsiDriver, VolumeUsage } from '../../../client/csi/csi-driver.ts'
import { ConfigurationError } from '../../container/configuration-error.ts'
import type { ContentInput } from '../volume-content.ts'
import { giveToGroup } from '../fs-group.ts'
import { isMountPoint, unmount } from '../mount-point.ts'
import type { VolumeFigures } from '../disk-use.ts'
import { csiFolder, globalMount, recordFile } from './csi-paths.ts'
import type { CsiPlugin, CsiPlugins } from './csi-plugins.ts'
import { mountRequest, secretsOf } from './mount-request.ts'
import type { MountRequest } from './mount-request.ts'
import { expandOnNode, isExpansionPending } from './node-expansion.ts'

/** Why a volume of a driver can't be had, in upstream's words. */
export const missingDriver = (driver: string) => `driver name ${driver} not found in the list of registered CSI drivers`

/** How often a driver that asks for it may look after what it has published. */
const republishMs = 60_000

export interface CsiVolumesOptions {
  readonly client: Client
  readonly dataDir: string
  readonly nodeName: string
  readonly clock: Clock
  readonly plugins: Pick<CsiPlugins, 'get'>
  /** Called when the volumes that are in use here have become others. */
  readonly onUseChange: () => void
}

/** A volume that a pod is to have: of an object and its claim, or written into the pod. */
export interface CsiVolumeInput extends ContentInput {
  readonly podDirectory: string
  readonly volume: CoreV1Volume
  readonly persistent?: { readonly volume: CoreV1PersistentVolume; readonly claim: CoreV1PersistentVolumeClaim }
}

/** What is kept beside a mount, so that it can be undone whatever has become of the objects. Names as the kubelet's. */
interface MountRecord {
  readonly driverName: string
  readonly volumeHandle: string
  readonly specVolID: string
  readonly volumeLifecycleMode: 'Persistent' | 'Ephemeral'
  readonly targetPath: string
  readonly stagingFolder?: string
}

/**
 * Stages, publishes, unpublishes and unstages volumes of CSI drivers. Before a driver is asked for anything, a record on disk says what will have to be undone;
 * it goes when it has been undone. So an agent or a driver may be killed at any moment, and nothing stays mounted that no pod has.
 */
export class CsiVolumes {
  readonly #options: CsiVolumesOptions
  /** What this process has staged (by staging folder) and published (by target), and need not again; by driver connection, as a new driver may know nothing. */
  readonly #done = new WeakMap<CsiDriver, Set<string>>()
  readonly #turns = new Map<string, Promise<unknown>>()
  /** Volumes that need to be attached and are in use here, by the uid of the pod. */
  readonly #inUse = new Map<string, Set<string>>()

  constructor(options: CsiVolumesOptions) {
    this.#options = options
  }

  /** For `status.volumesInUse` of the node: what must not be detached. */
  get volumesInUse(): readonly string[] {
    return [...new Set([...this.#inUse.values()].flatMap((names) => [...names]))].sort()
  }

  hasDriver(name: string): boolean {
    return this.#options.plugins.get(name) !== undefined
  }

  /**
   * Mounts a volume for a pod, or does nothing where it is. Answers where it is, and when to come again (drivers that want to publish from time to time).
   * Rejects with a `ConfigurationError`.
   */
  async publish(input: CsiVolumeInput): Promise<{ readonly path: string; readonly refreshAtMs?: number }> {
    const { dataDir, nodeName, clock, plugins } = this.#options
    const driverName = (input.persistent?.volume.spec?.csi ?? input.volume.csi)!.driver
    const plugin = plugins.get(driverName)
    if (plugin === undefined) throw new ConfigurationError(missingDriver(driverName))
    const request = await mountRequest(input, { dataDir, nodeName, plugin })
    return this.#inTurn(`${driverName}/${request.handle}`, async () => {
      if (request.isAttachable) this.#use(input.pod.metadata.uid!, inUseName(request.handle, driverName))
      await record(input.pod, request)
      if (request.staging !== undefined) await this.#stage(plugin, request)
      await this.#publish(plugin, request)
      await this.#give(input.pod, plugin, request)
      await this.#expand(input, plugin, request)
      return { path: request.targetPath, ...(request.isRepublished ? { refreshAtMs: clock.now() + republishMs } : {}) }
    })
  }

  /**
   * Undoes all that was mounted for a pod. Absent is success; rejects where a driver that is needed is not there or fails, and goes on with that volume the next
   * time: the pod's others are undone all the same.
   */
  async remove(podUid: string, podDirectory: string): Promise<void> {
    const folder = join(podDirectory, 'volumes', csiFolder)
    const undone = await Promise.allSettled(
      (await readdir(folder).catch(() => [])).map(async (name) => {
        const record = await readRecord(join(folder, name, recordFile))
        if (record !== undefined) await this.#inTurn(`${record.driverName}/${record.volumeHandle}`, () => this.#undo(podUid, record))
        await forget(join(folder, name))
      }),
    )
    const failure = undone.find((each) => each.status === 'rejected')
    if (failure !== undefined) throw failure.reason
    if (this.#inUse.delete(podUid)) this.#options.onUseChange()
  }

  /** What its driver says of a volume that is mounted at a place for a pod: `undefined` where that tells nothing. Rejects with a `GrpcError`. */
  async figuresOf(podDirectory: string, targetPath: string): Promise<VolumeFigures | 'not-mounted' | undefined> {
    const record = (await recordsIn(podDirectory)).find((each) => each.targetPath === targetPath)
    if (record === undefined) return 'not-mounted'
    const plugin = this.#options.plugins.get(record.driverName)
    if (plugin?.capabilities.has('GET_VOLUME_STATS') !== true) return undefined
    const { usage } = await plugin.driver.call('NodeGetVolumeStats', {
      volumeId: record.volumeHandle,
      volumePath: targetPath,
      ...(record.stagingFolder === undefined ? {} : { stagingTargetPath: join(record.stagingFolder, globalMount) }),
    })
    return figuresIn(usage)
  }

  #use(podUid: string, name: string): void {
    const names = this.#inUse.get(podUid) ?? new Set()
    if (names.has(name)) return
    this.#inUse.set(podUid, names.add(name))
    this.#options.onUseChange()
  }

  /** One thing at a time with one volume. */
  async #inTurn<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key) ?? Promise.resolve()
    const turn = before.then(act, act)
    const end: Promise<void> = turn
      .then(
        () => {},
        () => {},
      )
      .finally(() => {
        if (this.#turns.get(key) === end) this.#turns.delete(key)
      })
    this.#turns.set(key, end)
    return turn
  }

  #has(driver: CsiDriver, what: string): boolean {
    return this.#done.get(driver)?.has(what) === true
  }

  #note(driver: CsiDriver, what: string): void {
    const done = this.#done.get(driver) ?? new Set()
    this.#done.set(driver, done.add(what))
  }

  async #stage({ driver }: CsiPlugin, request: MountRequest): Promise<void> {
    const { folder, path, secrets } = request.staging!
    if (this.#has(driver, folder)) return
    await mkdir(path, { recursive: true, mode: 0o750 })
    await driver.call('NodeStageVolume', {
      volumeId: request.handle,
      publishContext: request.publishContext,
      stagingTargetPath: path,
      volumeCapability: request.capability,
      secrets,
      volumeContext: request.volumeContext,
    })
    this.#note(driver, folder)
  }

  async #publish({ driver }: CsiPlugin, request: MountRequest): Promise<void> {
    if (this.#has(driver, request.targetPath) && !request.isRepublished) return
    await mkdir(dirname(request.targetPath), { recursive: true, mode: 0o750 })
    await driver.call('NodePublishVolume', {
      volumeId: request.handle,
      publishContext: request.publishContext,
      ...(request.staging === undefined ? {} : { stagingTargetPath: request.staging.path }),
      targetPath: request.targetPath,
      volumeCapability: request.capability,
      readonly: request.isReadOnly,
      secrets: request.publishSecrets,
      volumeContext: request.volumeContext,
    })
    this.#note(driver, request.targetPath)
  }

  /** Gives the volume to the pod's group, once, where the driver leaves that to the node. */
  async #give({ spec }: CoreV1Pod, { driver }: CsiPlugin, { group, targetPath, isReadOnly }: MountRequest): Promise<void> {
    if (group === undefined || isReadOnly || this.#has(driver, groupKey(targetPath))) return
    await giveToGroup(targetPath, group, { isReadOnly, policy: spec.securityContext?.fsGroupChangePolicy })
    this.#note(driver, groupKey(targetPath))
  }

  async #expand(input: CsiVolumeInput, plugin: CsiPlugin, request: MountRequest): Promise<void> {
    if (input.persistent === undefined) return
    const { volume, claim } = input.persistent
    if (!isExpansionPending(volume, claim)) return
    const secrets = await secretsOf(input, volume.spec?.csi?.nodeExpandSecretRef)
    await expandOnNode({ client: this.#options.client, plugin, request, volume, claim, secrets })
  }

  async #undo(podUid: string, record: MountRecord): Promise<void> {
    const { driverName, volumeHandle, targetPath } = record
    const plugin = this.#options.plugins.get(driverName)
    if (plugin === undefined) throw new Error(`volume ${record.specVolID} cannot be unmounted: ${missingDriver(driverName)}`)
    await plugin.driver.call('NodeUnpublishVolume', { volumeId: volumeHandle, targetPath }).catch(ignoreUnknown)
    for (const what of [targetPath, groupKey(targetPath)]) this.#done.get(plugin.driver)?.delete(what)
    await removeTarget(targetPath)
    if (record.stagingFolder !== undefined) await this.#unstage(podUid, plugin, record, record.stagingFolder)
  }

  /** The last pod of the node that used a volume takes the staging with it. */
  async #unstage(podUid: string, { driver }: CsiPlugin, { volumeHandle }: MountRecord, folder: string): Promise<void> {
    await rm(join(folder, 'pods', podUid), { force: true })
    if ((await readdir(join(folder, 'pods')).catch(() => [])).length > 0) return
    const stagingTargetPath = join(folder, globalMount)
    this.#done.get(driver)?.delete(folder)
    await driver.call('NodeUnstageVolume', { volumeId: volumeHandle, stagingTargetPath }).catch(ignoreUnknown)
    await removeTarget(stagingTargetPath)
    await rmdir(join(folder, 'pods')).catch(ignoreAbsent)
    await forget(folder)
  }
}

/** What volumes of drivers are to whoever makes the volumes of pods. */
export type VolumeDrivers = Pick<CsiVolumes, 'publish' | 'remove' | 'hasDriver' | 'figuresOf'>

const groupKey = (targetPath: string) => `${targetPath}#group`

/** Says on disk what will have to be undone, before anything is done. */
async function record({ metadata }: CoreV1Pod, request: MountRequest): Promise<void> {
  const facts: MountRecord = {
    driverName: request.driverName,
    volumeHandle: request.handle,
    specVolID: request.name,
    volumeLifecycleMode: request.isEphemeral ? 'Ephemeral' : 'Persistent',
    targetPath: request.targetPath,
    ...(request.staging === undefined ? {} : { stagingFolder: request.staging.folder }),
  }
  await writeRecord(request.recordFolder, facts)
  if (request.staging === undefined) return
  const { folder } = request.staging
  await mkdir(join(folder, 'pods'), { recursive: true, mode: 0o750 })
  await writeFile(join(folder, 'pods', metadata.uid!), '')
  await writeRecord(folder, facts)
}

/** A driver that does not know a volume has nothing of it mounted. */
function ignoreUnknown(error: unknown): void {
  if (!(error instanceof GrpcError && error.code === grpcStatus.notFound)) throw error
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** What is left of a mount. Only an empty folder or file goes: data that a driver has left there is nobody's to remove. */
async function removeTarget(path: string): Promise<void> {
  while (await isMountPoint(path)) await unmount(path)
  await rmdir(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') await rm(path)
    else ignoreAbsent(error)
  })
}

/** What is mounted for a pod. */
async function recordsIn(podDirectory: string): Promise<readonly MountRecord[]> {
  const folder = join(podDirectory, 'volumes', csiFolder)
  const names = await readdir(folder).catch((): string[] => [])
  const records = await Promise.all(names.map((name) => readRecord(join(folder, name, recordFile))))
  return records.filter((record) => record !== undefined)
}

/** As the kubelet's `csiMetrics`: one row of bytes, one of inodes, each where the driver has it. */
function figuresIn(usage: readonly VolumeUsage[]): VolumeFigures {
  const bytes = usage.find(({ unit }) => unit === 'BYTES')
  const inodes = usage.find(({ unit }) => unit === 'INODES')
  return {
    ...(bytes === undefined ? {} : { usedBytes: bytes.used ?? 0, availableBytes: bytes.available ?? 0, capacityBytes: bytes.total ?? 0 }),
    ...(inodes === undefined ? {} : { inodesUsed: inodes.used ?? 0, inodesFree: inodes.available ?? 0, inodes: inodes.total ?? 0 }),
  }
}

async function readRecord(path: string): Promise<MountRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as MountRecord)
}

async function writeRecord(folder: string, facts: MountRecord): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o750 })
  const path = join(folder, recordFile)
  const text = JSON.stringify(facts)
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  await writeFile(`${path}_tmp`, text)
  await rename(`${path}_tmp`, path)
}

async function forget(folder: string): Promise<void> {
  for (const name of [recordFile, `${recordFile}_tmp`]) await rm(join(folder, name), { force: true })
  await rmdir(folder).catch(ignoreAbsent)
}
