import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, rm, stat, symlink, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim, CoreV1Pod, CoreV1Volume } from '../../api/generated/kinds.ts'
import { driverOf, migrated } from '../../api/migrated-drivers.ts'
import { ephemeralClaimName, isBoundTo, isClaimOfPod, localDriver } from '../../api/persistent-volumes.ts'
import { ConfigurationError } from '../container/configuration-error.ts'
import type { StorageSource } from '../container/environment.ts'
import { missingDriver } from './csi/csi-volumes.ts'
import { prepareHostPath } from './host-path.ts'
import { isMountPoint } from './mount-point.ts'

const run = promisify(execFile)
const mountTimeoutMs = 30_000

/** The folder of this node's own volumes, below its data. */
export const localVolumesFolder = 'volumes'

/** A volume of a claim, to be had at `path` afterwards: a link to where its data is, or a mount. */
export interface ClaimVolumeInput {
  readonly pod: CoreV1Pod
  readonly volume: CoreV1Volume
  readonly storage: StorageSource
  readonly dataDir: string
  readonly path: string
  /** Mounts what a CSI driver carries, and answers where. */
  readonly publish: (
    volume: CoreV1PersistentVolume,
    claim: CoreV1PersistentVolumeClaim,
  ) => Promise<{ readonly path: string; readonly refreshAtMs?: number }>
}

/**
 * Brings the volume behind a claim to its place in the pod's folder; answers when to do it again although nothing changed. Rejects with what is
 * missing; safe to repeat.
 */
export async function prepareClaimVolume(input: ClaimVolumeInput): Promise<number | undefined> {
  const { volume, claim } = await boundVolume(input)
  const { hostPath, local, csi, nfs } = volume.spec ?? {}
  if (hostPath !== undefined) {
    await prepareHostPath(hostPath)
    await link(hostPath.path, input.path)
  } else if (local !== undefined) {
    if ((await stat(local.path).catch(() => undefined)) === undefined) throw new ConfigurationError(`path "${local.path}" does not exist`)
    await link(local.path, input.path)
  } else if (csi?.driver === localDriver) {
    await link(await makeFolder(csi.volumeHandle, input), input.path)
  } else if (csi !== undefined) {
    const { path, refreshAtMs } = await input.publish(volume, claim)
    await link(path, input.path)
    return refreshAtMs
  } else if (nfs !== undefined) await mountNfs(nfs, volume.spec?.mountOptions ?? [], input.path)
  else throw new ConfigurationError(unsupported(volume))
  return undefined
}

async function boundVolume({
  pod,
  volume,
  storage,
}: ClaimVolumeInput): Promise<{ readonly volume: CoreV1PersistentVolume; readonly claim: CoreV1PersistentVolumeClaim }> {
  const name = volume.persistentVolumeClaim?.claimName ?? ephemeralClaimName(pod.metadata.name!, volume.name)
  const claim = await storage.claim(pod.metadata.namespace!, name)
  if (claim === undefined) throw new ConfigurationError(`persistentvolumeclaim "${name}" not found`)
  if (volume.ephemeral !== undefined && !isClaimOfPod(claim, pod))
    throw new ConfigurationError(`persistentvolumeclaim "${name}" was not created for the pod`)
  const volumeName = claim.spec?.volumeName ?? ''
  if (volumeName === '' || claim.status?.phase !== 'Bound') throw new ConfigurationError(unbound(claim))
  const bound = await storage.volume(volumeName)
  if (bound === undefined) throw new ConfigurationError(`persistentvolume "${volumeName}" not found`)
  if (!isBoundTo(claim, bound)) throw new ConfigurationError(`persistentvolume "${volumeName}" is bound to another claim`)
  return { volume: migrated(bound), claim }
}

const unbound = ({ metadata, status }: CoreV1PersistentVolumeClaim) =>
  `persistentvolumeclaim "${metadata.name}" is not bound to a volume yet (phase ${status?.phase ?? 'Pending'})`

function unsupported({ metadata, spec }: CoreV1PersistentVolume): string {
  const driver = spec === undefined ? undefined : driverOf(spec)
  if (driver !== undefined) return `persistentvolume "${metadata.name}": ${missingDriver(driver)}`
  const has = 'this node mounts hostPath, local, nfs and its own folders'
  const sources = new Set([
    'accessModes',
    'capacity',
    'claimRef',
    'mountOptions',
    'nodeAffinity',
    'persistentVolumeReclaimPolicy',
    'storageClassName',
  ])
  const kind = Object.keys(spec ?? {}).find((key) => !sources.has(key) && key !== 'volumeMode') ?? 'no source'
  return `persistentvolume "${metadata.name}" is of kind ${kind}: ${has}`
}

/** The handle is part of a path, and anybody who may create volumes chooses it. */
const safeHandle = /^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$/

async function makeFolder(handle: string, { pod, dataDir }: ClaimVolumeInput): Promise<string> {
  if (!safeHandle.test(handle))
    throw new ConfigurationError(`volumeHandle ${JSON.stringify(handle)} is not a name of lower case letters, digits, '-' and '.'`)
  const folder = join(dataDir, localVolumesFolder, handle)
  if ((await stat(folder).catch(() => undefined)) === undefined) {
    await mkdir(folder, { recursive: true })
    // Whoever the container runs as can write, as with volumes of other node-local provisioners.
    await chmod(folder, 0o777)
  }
  const group = pod.spec.securityContext?.fsGroup
  if (group !== undefined) {
    await chown(folder, 0, group)
    await chmod(folder, 0o2777)
  }
  return folder
}

/** Makes `path` lead to `target`, whatever it led to before. */
async function link(target: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return
  await mkdir(dirname(path), { recursive: true })
  await rm(path, { force: true })
  await symlink(target, path)
}

async function mountNfs(
  { server, path: exported, readOnly }: NonNullable<NonNullable<CoreV1PersistentVolume['spec']>['nfs']>,
  options: readonly string[],
  path: string,
): Promise<void> {
  if (await isMountPoint(path)) return
  await mkdir(path, { recursive: true })
  const flags = [...options, ...(readOnly === true ? ['ro'] : [])]
  const args = ['-t', 'nfs', ...(flags.length === 0 ? [] : ['-o', flags.join(',')]), '--', `${server}:${exported}`, path]
  await run('mount', args, { timeout: mountTimeoutMs })
}
