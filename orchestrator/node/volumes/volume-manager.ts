import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type {
  CoreV1Container,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  CoreV1Volume,
  CoreV1VolumeMount,
} from '../../api/generated/kinds.ts'
import { driverOf } from '../../api/migrated-drivers.ts'
import { valueOf } from '../../api/quantity.ts'
import type { Clock } from '../../../lib/clock.ts'
import { ConfigurationError } from '../container/configuration-error.ts'
import { podLimits } from '../pod/pod-cgroups.ts'
import type { Device, Mount } from '../runtime/runtime.ts'
import { writeAtomically } from './atomic-directory.ts'
import { prepareClaimVolume } from './claim-volume.ts'
import { csiFolder } from './csi/csi-paths.ts'
import { missingDriver } from './csi/csi-volumes.ts'
import { NotAttachedError } from './csi/mount-request.ts'
import type { CsiVolumeInput, VolumeDrivers } from './csi/csi-volumes.ts'
import { bytesBelow, fileSystemFigures } from './disk-use.ts'
import type { VolumeFigures } from './disk-use.ts'
import { prepareHostPath } from './host-path.ts'
import { isMountPoint, unmountAllIn } from './mount-point.ts'
import { subPathOf } from './sub-path.ts'
import { volumeContent } from './volume-content.ts'
import type { ContentInput } from './volume-content.ts'

const run = promisify(execFile)
const mountTimeoutMs = 30_000

/** The folder names that the kubelet uses for its volume plug-ins. */
const pluginFolder = {
  emptyDir: 'kubernetes.io~empty-dir',
  configMap: 'kubernetes.io~configmap',
  secret: 'kubernetes.io~secret',
  downwardAPI: 'kubernetes.io~downward-api',
  projected: 'kubernetes.io~projected',
  persistentVolumeClaim: 'kubernetes.io~pvc',
  ephemeral: 'kubernetes.io~pvc',
} as const

/**
 * The files of pods under `<dataDir>/pods/<uid>/`: `volumes/<plug-in>/<name>` per volume, `etc/` for resolv.conf and hosts,
 * `containers/<name>/<attempt>` for termination messages. Everything of a pod goes with `remove`.
 */
export class VolumeManager {
  readonly #dataDir: string
  readonly #podsDirectory: string
  readonly #clock: Clock
  readonly #csi: VolumeDrivers
  #generation = 0
  #walking: Promise<unknown> = Promise.resolve()

  constructor(options: { readonly dataDir: string; readonly clock: Clock; readonly csi: VolumeDrivers }) {
    this.#csi = options.csi
    this.#dataDir = options.dataDir
    this.#podsDirectory = join(options.dataDir, 'pods')
    this.#clock = options.clock
  }

  podDirectory(uid: string): string {
    return join(this.#podsDirectory, uid)
  }

  /**
   * Makes or updates every volume of the pod; answers when to do it again although nothing changed. Rejects with a
   * `ConfigurationError` that says which volume cannot be had and why.
   */
  async prepare(input: ContentInput): Promise<{ readonly refreshAtMs?: number }> {
    let refreshAtMs: number | undefined
    await Promise.all(
      (input.pod.spec.volumes ?? []).map(async (volume) => {
        try {
          const due = await this.#prepareVolume(volume, input)
          if (due !== undefined) refreshAtMs = Math.min(refreshAtMs ?? Infinity, due)
        } catch (error) {
          throw setUpFailed(volume, error as Error)
        }
      }),
    )
    return refreshAtMs === undefined ? {} : { refreshAtMs }
  }

  /** Writes a file of the pod and answers its path. */
  async writePodFile(uid: string, path: string, text: string): Promise<string> {
    const file = join(this.podDirectory(uid), path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    return file
  }

  /** The file that a container's termination message goes into, made empty and writable for whatever user it runs as. */
  async terminationLog(uid: string, container: string, attempt: number): Promise<string> {
    const file = await this.writePodFile(uid, join('containers', container, String(attempt)), '')
    await chmod(file, 0o666)
    return file
  }

  /** Where `terminationLog` put it. */
  terminationLogPath(uid: string, container: string, attempt: number): string {
    return join(this.podDirectory(uid), 'containers', container, String(attempt))
  }

  /** What a container's volumeMounts come to on this machine. `environment` is for `subPathExpr`. */
  async mountsOf(
    pod: CoreV1Pod,
    container: CoreV1Container,
    { environment, hasRecursiveReadOnly }: { readonly environment: ReadonlyMap<string, string>; readonly hasRecursiveReadOnly: boolean },
  ): Promise<Mount[]> {
    return Promise.all(
      (container.volumeMounts ?? []).map(async (mount): Promise<Mount> => {
        const volume = pod.spec.volumes?.find(({ name }) => name === mount.name)
        if (volume === undefined)
          throw new ConfigurationError(`volume "${mount.name}" of container "${container.name}" is not defined by the pod`)
        if (mount.recursiveReadOnly === 'Enabled' && !hasRecursiveReadOnly)
          throw new ConfigurationError(`volume "${mount.name}" requested recursive read-only mode, but it is not supported by the runtime`)
        return {
          hostPath: await subPathOf(await this.#placeOf(pod, volume), mount, environment),
          containerPath: mount.mountPath,
          isReadOnly:
            mount.readOnly === true ||
            volume.persistentVolumeClaim?.readOnly === true ||
            volume.configMap !== undefined ||
            volume.secret !== undefined ||
            volume.downwardAPI !== undefined ||
            volume.projected !== undefined,
          ...(isRecursivelyReadOnly(mount, hasRecursiveReadOnly) ? { isRecursivelyReadOnly: true } : {}),
          ...(mount.mountPropagation === 'Bidirectional' ? { propagation: 'rshared' as const } : {}),
          ...(mount.mountPropagation === 'HostToContainer' ? { propagation: 'rslave' as const } : {}),
        }
      }),
    )
  }

  /** What a container's volumeDevices come to on this machine. */
  async devicesOf(pod: CoreV1Pod, container: CoreV1Container): Promise<Device[]> {
    return Promise.all(
      (container.volumeDevices ?? []).map(async ({ name, devicePath }): Promise<Device> => {
        const volume = pod.spec.volumes?.find((each) => each.name === name)
        if (volume === undefined)
          throw new ConfigurationError(`volume "${name}" of container "${container.name}" is not defined by the pod`)
        const hostPath = await this.#placeOf(pod, volume)
        if (!(await stat(hostPath)).isBlockDevice())
          throw new ConfigurationError(`volume "${name}" is no block device: its volumeMode has to be Block`)
        return { hostPath, containerPath: devicePath, isReadOnly: volume.persistentVolumeClaim?.readOnly === true }
      }),
    )
  }

  /** Bytes in a pod's emptyDirs that are on disk, by volume. */
  async emptyDirUse(pod: CoreV1Pod): Promise<ReadonlyMap<string, number>> {
    const used = new Map<string, number>()
    for (const volume of pod.spec.volumes ?? []) if (isOnDisk(volume)) used.set(volume.name, await bytesBelow(this.#pathOf(pod, volume)))
    return used
  }

  /** How full a volume is that can be written to; `undefined` for others, and where its driver does not say. */
  async figuresOf(pod: CoreV1Pod, volume: CoreV1Volume): Promise<VolumeFigures | undefined> {
    const { emptyDir, csi, persistentVolumeClaim, ephemeral } = volume
    if ((emptyDir ?? csi ?? persistentVolumeClaim ?? ephemeral) === undefined) return undefined
    const place = await this.#placeOf(pod, volume)
    const mounted = await this.#csi.figuresOf(this.podDirectory(pod.metadata.uid!), place)
    if (mounted !== 'not-mounted') return mounted
    const fileSystem = await fileSystemFigures(place)
    if (emptyDir !== undefined && !isOnDisk(volume)) return fileSystem
    // A folder of a file system that others write to as well: what others have used is not free.
    const { inodesUsed: _, ...shared } = fileSystem
    return { ...shared, usedBytes: await this.#oneByOne(() => bytesBelow(place)) }
  }

  /** Throws, as `prepare` does, for a volume whose driver is not on this node: nothing needs to be made for such a pod. */
  requireDrivers(pod: CoreV1Pod): void {
    for (const volume of pod.spec.volumes ?? []) {
      const driver = driverOf(volume)
      if (driver !== undefined && !this.#csi.hasDriver(driver)) throw setUpFailed(volume, new ConfigurationError(missingDriver(driver)))
    }
  }

  /** Unmounts and deletes all of a pod. Absent is success. Nothing is deleted while something is still mounted: it would be the data of others. */
  async remove(uid: string): Promise<void> {
    const directory = this.podDirectory(uid)
    await this.#csi.remove(uid, directory)
    await unmountAllIn(directory)
    await rm(directory, { recursive: true, force: true })
  }

  /** The uids of pods that have a directory. */
  async list(): Promise<readonly string[]> {
    return readdir(this.#podsDirectory).catch(() => [])
  }

  async #prepareVolume(volume: CoreV1Volume, input: ContentInput): Promise<number | undefined> {
    if (volume.hostPath !== undefined) {
      await prepareHostPath(volume.hostPath)
      return undefined
    }
    const path = this.#pathOf(input.pod, volume)
    if (volume.emptyDir !== undefined) {
      await prepareEmptyDir(path, volume, input)
      return undefined
    }
    if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined) {
      const publish = (persistentVolume: CoreV1PersistentVolume, claim: CoreV1PersistentVolumeClaim) =>
        this.#publish(input, volume, { volume: persistentVolume, claim })
      return prepareClaimVolume({ pod: input.pod, volume, storage: input.source, dataDir: this.#dataDir, path, publish })
    }
    if (volume.csi !== undefined) return (await this.#publish(input, volume)).refreshAtMs
    const content = await volumeContent(volume, input)
    if (content === undefined) throw new ConfigurationError(unsupported(volume, (driver) => this.#csi.hasDriver(driver)))
    const group = input.pod.spec.securityContext?.fsGroup
    await writeAtomically(path, content.files, this.#nextGeneration(), group === undefined ? {} : { group })
    return content.refreshAtMs
  }

  #publish(input: ContentInput, volume: CoreV1Volume, persistent?: CsiVolumeInput['persistent']): ReturnType<VolumeDrivers['publish']> {
    const podDirectory = this.podDirectory(input.pod.metadata.uid!)
    return this.#csi.publish({ ...input, podDirectory, volume, ...(persistent === undefined ? {} : { persistent }) })
  }

  /** Where a volume's data is. Rejects for a claim that was not prepared. */
  async #placeOf(pod: CoreV1Pod, volume: CoreV1Volume): Promise<string> {
    const path = this.#pathOf(pod, volume)
    return volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined ? path : realpath(path)
  }

  #pathOf(pod: CoreV1Pod, volume: CoreV1Volume): string {
    if (volume.hostPath !== undefined) return volume.hostPath.path
    if (volume.csi !== undefined) return join(this.podDirectory(pod.metadata.uid!), 'volumes', csiFolder, volume.name, 'mount')
    const kind = (Object.keys(pluginFolder) as (keyof typeof pluginFolder)[]).find((each) => volume[each] !== undefined)
    if (kind === undefined) throw new ConfigurationError(unsupported(volume))
    return join(this.podDirectory(pod.metadata.uid!), 'volumes', pluginFolder[kind], volume.name)
  }

  /** Walks through folders, of which two at once would only be in each other's way. */
  #oneByOne<T>(walk: () => Promise<T>): Promise<T> {
    const turn = this.#walking.then(walk)
    this.#walking = turn.catch(() => {})
    return turn
  }

  #nextGeneration(): string {
    return `${new Date(this.#clock.now()).toISOString().replaceAll(/[-:.]/g, '_')}.${this.#generation++}`
  }
}

/** Whether nothing below a mount can be written to. */
export const isRecursivelyReadOnly = ({ recursiveReadOnly }: CoreV1VolumeMount, isPossible: boolean): boolean =>
  isPossible && (recursiveReadOnly === 'Enabled' || recursiveReadOnly === 'IfPossible')

const isOnDisk = ({ emptyDir }: CoreV1Volume) => emptyDir !== undefined && (emptyDir.medium ?? '') === ''

function setUpFailed({ name }: CoreV1Volume, cause: Error): ConfigurationError {
  if (cause instanceof NotAttachedError) return cause
  return new ConfigurationError(`MountVolume.SetUp failed for volume "${name}" : ${cause.message}`, { cause })
}

function unsupported(volume: CoreV1Volume, hasDriver: (name: string) => boolean = () => false): string {
  const driver = driverOf(volume)
  if (driver !== undefined && hasDriver(driver))
    return `driver ${driver} mounts such a volume for a PersistentVolume that a claim names, not for a pod that names it itself`
  if (driver !== undefined) return missingDriver(driver)
  const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'no source'
  // As upstream since 1.33: what a repository holds would run on the node.
  if (kind === 'gitRepo')
    return 'volume plugin kubernetes.io/git-repo is disabled: an init container that clones into an emptyDir does the same'
  return `no volume plugin matched: ${kind} is not supported by this node (it has hostPath, emptyDir, configMap, secret, downwardAPI, projected and persistentVolumeClaim)`
}

async function prepareEmptyDir(path: string, volume: CoreV1Volume, { pod, facts }: ContentInput): Promise<void> {
  await mkdir(path, { recursive: true })
  await chmod(path, 0o777)
  if (volume.emptyDir?.medium === 'Memory' && !(await isMountPoint(path))) {
    const size = memoryVolumeBytes(pod, volume, valueOf(facts.allocatable['memory']))
    await run('mount', ['-t', 'tmpfs', ...(size === 0 ? [] : ['-o', `size=${size}`]), 'tmpfs', path], { timeout: mountTimeoutMs })
    await chmod(path, 0o777)
  }
  if (volume.emptyDir?.medium?.startsWith('HugePages') === true && !(await isMountPoint(path))) {
    const size = volume.emptyDir.medium === 'HugePages' ? hugePageSize(pod) : volume.emptyDir.medium.slice('HugePages-'.length)
    const options = `pagesize=${size.replace(/i$/, '')}`
    await run('mount', ['-t', 'hugetlbfs', '-o', options, 'nodev', path], { timeout: mountTimeoutMs })
    await chmod(path, 0o777)
  }
  const group = pod.spec.securityContext?.fsGroup
  if (group !== undefined) {
    await chown(path, 0, group)
    await chmod(path, 0o2777)
  }
}

/** No more than the volume, the pod and the node have of memory, as far as each of them says: 0 where none does. */
export function memoryVolumeBytes(pod: CoreV1Pod, { emptyDir }: CoreV1Volume, allocatableBytes: number): number {
  const limits = [valueOf(emptyDir?.sizeLimit), podLimits(pod).memoryBytes ?? 0, allocatableBytes].filter((bytes) => bytes > 0)
  return limits.length === 0 ? 0 : Math.min(...limits)
}

/** The one size of huge pages that a pod asks for. */
function hugePageSize({ spec }: CoreV1Pod): string {
  const resources = [...spec.containers, ...(spec.initContainers ?? []), spec].flatMap((each) =>
    Object.keys(each.resources?.requests ?? each.resources?.limits ?? {}),
  )
  const sizes = [...new Set(resources.filter((name) => name.startsWith('hugepages-')))]
  if (sizes.length !== 1)
    throw new ConfigurationError(
      `medium "HugePages" can only be used if container requests hugepages of one size, these are: ${sizes.join(', ') || 'none'}`,
    )
  return sizes[0]!.slice('hugepages-'.length)
}
