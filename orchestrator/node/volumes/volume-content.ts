import type {
  CoreV1ConfigMap,
  CoreV1DownwardAPIVolumeFile,
  CoreV1KeyToPath,
  CoreV1Pod,
  CoreV1Secret,
  CoreV1Volume,
  CoreV1VolumeProjection,
} from '../../api/generated/kinds.ts'
import { ConfigurationError } from '../container/configuration-error.ts'
import type { ConfigSource, StorageSource } from '../container/environment.ts'
import { fieldValue, resourceValue } from '../container/field-reference.ts'
import type { NodeFacts } from '../container/field-reference.ts'
import type { FileContent } from './atomic-directory.ts'
import type { TokenSource } from './service-account-tokens.ts'

export interface ContentInput {
  readonly pod: CoreV1Pod
  readonly facts: NodeFacts
  readonly source: ConfigSource & StorageSource
  readonly tokens: TokenSource
}

/** The files of a volume, and when they must be made again although nothing changed (tokens that expire). */
export interface VolumeContent {
  readonly files: ReadonlyMap<string, FileContent>
  readonly refreshAtMs?: number
}

const defaultMode = 0o644

/** The files of a configMap, secret, downwardAPI or projected volume; `undefined` for volumes of other kinds. */
export async function volumeContent(volume: CoreV1Volume, input: ContentInput): Promise<VolumeContent | undefined> {
  if (volume.projected !== undefined)
    return projectedContent(volume.projected.sources ?? [], volume.projected.defaultMode ?? defaultMode, input)
  if (volume.configMap !== undefined) {
    return { files: await configMapFiles(volume.configMap, volume.configMap.defaultMode ?? defaultMode, input) }
  }
  if (volume.secret !== undefined) {
    const { secretName, ...rest } = volume.secret
    return { files: await secretFiles({ ...rest, name: secretName }, volume.secret.defaultMode ?? defaultMode, input) }
  }
  if (volume.downwardAPI !== undefined) {
    return { files: downwardFiles(volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode ?? defaultMode, input) }
  }
  return undefined
}

async function projectedContent(sources: readonly CoreV1VolumeProjection[], mode: number, input: ContentInput): Promise<VolumeContent> {
  const files = new Map<string, FileContent>()
  let refreshAtMs: number | undefined
  for (const source of sources) {
    if (source.serviceAccountToken !== undefined) {
      const { path, audience, expirationSeconds } = source.serviceAccountToken
      const token = await input.tokens.token(input.pod, audience, expirationSeconds)
      files.set(path, { content: Buffer.from(token.token), ...tokenAccess(input.pod, mode) })
      refreshAtMs = Math.min(refreshAtMs ?? Infinity, token.refreshAtMs)
      continue
    }
    for (const [path, file] of await projectionFiles(source, mode, input)) files.set(path, file)
  }
  return { files, ...(refreshAtMs === undefined ? {} : { refreshAtMs }) }
}

async function projectionFiles(source: CoreV1VolumeProjection, mode: number, input: ContentInput): Promise<Map<string, FileContent>> {
  if (source.configMap !== undefined) return configMapFiles(source.configMap, mode, input)
  if (source.secret !== undefined) return secretFiles(source.secret, mode, input)
  if (source.downwardAPI !== undefined) return downwardFiles(source.downwardAPI.items ?? [], mode, input)
  throw new ConfigurationError(`projected volume source ${Object.keys(source).join(', ')} is not supported by this node`)
}

/** A credential is its owner's (and the group's of the pod) alone where it is known who that is; as the kubelet has it. */
function tokenAccess(pod: CoreV1Pod, mode: number): Pick<FileContent, 'mode' | 'uid'> {
  const uid = commonUser(pod)
  const isOwned = uid !== undefined || pod.spec.securityContext?.fsGroup !== undefined
  return { mode: isOwned ? 0o600 : mode, ...(uid === undefined ? {} : { uid }) }
}

/** The user that every container of a pod runs as; `undefined` where they differ or one's is the image's. */
function commonUser({ spec }: CoreV1Pod): number | undefined {
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]
  const users = new Set(containers.map(({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser))
  return users.size === 1 ? [...users][0] : undefined
}

interface Reference {
  readonly name?: string | undefined
  readonly optional?: boolean
  readonly items?: readonly CoreV1KeyToPath[]
}

async function configMapFiles(reference: Reference, mode: number, { pod, source }: ContentInput): Promise<Map<string, FileContent>> {
  const namespace = pod.metadata.namespace!
  const configMap: CoreV1ConfigMap | undefined = await source.configMap(namespace, reference.name ?? '')
  if (configMap === undefined && reference.optional !== true) throw new ConfigurationError(`configmap "${reference.name}" not found`)
  const data = new Map<string, Buffer>()
  for (const [key, value] of Object.entries(configMap?.data ?? {})) data.set(key, Buffer.from(value))
  for (const [key, value] of Object.entries(configMap?.binaryData ?? {})) data.set(key, Buffer.from(value, 'base64'))
  return select(data, reference, mode, 'configmap')
}

async function secretFiles(reference: Reference, mode: number, { pod, source }: ContentInput): Promise<Map<string, FileContent>> {
  const namespace = pod.metadata.namespace!
  const secret: CoreV1Secret | undefined = await source.secret(namespace, reference.name ?? '')
  if (secret === undefined && reference.optional !== true) throw new ConfigurationError(`secret "${reference.name}" not found`)
  const data = new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]))
  return select(data, reference, mode, 'secret')
}

/** All keys as files, or the ones that `items` names, at its paths. */
function select(data: ReadonlyMap<string, Buffer>, reference: Reference, mode: number, kind: string): Map<string, FileContent> {
  if (reference.items === undefined || reference.items.length === 0) {
    return new Map([...data].map(([key, content]) => [key, { content, mode }]))
  }
  const files = new Map<string, FileContent>()
  for (const item of reference.items) {
    const content = data.get(item.key)
    if (content !== undefined) files.set(item.path, { content, mode: item.mode ?? mode })
    else if (reference.optional !== true)
      throw new ConfigurationError(`${kind} references non-existent ${kind === 'secret' ? 'secret' : 'config'} key: ${item.key}`)
  }
  return files
}

function downwardFiles(
  items: readonly CoreV1DownwardAPIVolumeFile[],
  mode: number,
  { pod, facts }: ContentInput,
): Map<string, FileContent> {
  const files = new Map<string, FileContent>()
  for (const item of items) {
    try {
      const text =
        item.fieldRef !== undefined
          ? fieldValue(pod, item.fieldRef.fieldPath, facts)
          : item.resourceFieldRef === undefined
            ? ''
            : resourceValue(pod, pod.spec.containers[0]!, item.resourceFieldRef, facts)
      files.set(item.path, { content: Buffer.from(text), mode: item.mode ?? mode })
    } catch (error) {
      throw new ConfigurationError((error as Error).message, { cause: error })
    }
  }
  return files
}
