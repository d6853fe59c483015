import type { CoreV1Container, CoreV1Pod, CoreV1Secret } from '../../api/generated/kinds.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { EventRecorder } from '../../client/events.ts'
import type { ConfigSource } from '../container/environment.ts'
import type { ImageFacts, ImageService, RegistryCredentials } from '../runtime/runtime.ts'
import { isUnavailable } from '../runtime/runtime.ts'
import { Backoff } from '../pod/backoff.ts'
import type { CredentialProviders } from './credential-providers.ts'
import { registryOf } from './image-reference.ts'

/** An image cannot be had: `reason` is the waiting reason that people know. */
export class ImageError extends Error {
  readonly code = 'image'
  readonly reason: 'ErrImagePull' | 'ImagePullBackOff' | 'ErrImageNeverPull' | 'InvalidImageName'
  /** When it is worth another try. */
  readonly retryAtMs: number

  constructor(reason: ImageError['reason'], message: string, retryAtMs: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ImageError'
    this.reason = reason
    this.retryAtMs = retryAtMs
  }
}

export const isImageError = (error: unknown): error is ImageError => error instanceof Error && 'code' in error && error.code === 'image'

const firstRetryMs = 10_000
const lastRetryMs = 300_000
/** A pull that cannot help is tried again only when the pod is looked at anyway. */
const hopelessRetryMs = 60_000

/** For this long after a registry could not be reached, images that are present are used without asking it again. */
const unreachableMs = 60_000

/** How the engine says that it did not get as far as the registry; an answer of the registry, such as a refusal, is none of these. */
const unreachablePattern =
  /no such host|server misbehaving|connection refused|network is unreachable|no route to host|i\/o timeout|TLS handshake timeout|Client\.Timeout exceeded|context deadline exceeded/

/** Makes sure that the image of a container is there, by its pull policy. One pull per image at a time, whoever asks. */
export class ImageManager {
  readonly #options: {
    readonly images: Pick<ImageService, 'inspect' | 'pull'>
    readonly clock: Clock
    readonly recorder: EventRecorder
    readonly source: ConfigSource
    readonly providers?: CredentialProviders | undefined
  }
  readonly #backoff = new Backoff(firstRetryMs, lastRetryMs)
  readonly #pulls = new Map<string, Promise<void>>()
  /** Registry → when to try it again. */
  readonly #unreachable = new Map<string, number>()

  constructor(options: {
    readonly images: Pick<ImageService, 'inspect' | 'pull'>
    readonly clock: Clock
    readonly recorder: EventRecorder
    readonly source: ConfigSource
    /** Asked where no pull secret knows the registry. */
    readonly providers?: CredentialProviders | undefined
  }) {
    this.#options = options
  }

  /** The image to run; rejects with an `ImageError` in upstream's words. */
  async ensure(pod: CoreV1Pod, container: CoreV1Container): Promise<ImageFacts> {
    const { images, clock, recorder } = this.#options
    const image = container.image ?? ''
    const about = containerReference(pod, container)
    if (!/^[\w][\w./:@-]*$/.test(image) || /[A-Z]/.test(image.split(/[:@]/)[0]!.replace(/^[^/]*[.:][^/]*\//, ''))) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`
      recorder.event(about, 'Warning', 'InspectFailed', message)
      recorder.event(about, 'Warning', 'Failed', 'Error: InvalidImageName')
      throw new ImageError('InvalidImageName', message, clock.now() + hopelessRetryMs)
    }
    const policy = pullPolicyOf(container)
    const present = policy === 'Always' ? undefined : await images.inspect(image)
    if (present !== undefined) {
      recorder.event(about, 'Normal', 'Pulled', `Container image "${image}" already present on machine and can be accessed by the pod`)
      return present
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`
      recorder.event(about, 'Warning', 'ErrImageNeverPull', message)
      recorder.event(about, 'Warning', 'Failed', 'Error: ErrImageNeverPull')
      throw new ImageError('ErrImageNeverPull', message, clock.now() + hopelessRetryMs)
    }
    return (await this.#presentInstead(pod, container)) ?? this.#pull(pod, container)
  }

  /**
   * `Always` asks the registry for the newest image; where the registry cannot be reached, the image that is present is run, with a warning.
   * Kubernetes would not start the container: a machine without a network then runs nothing that has no tag.
   */
  async #presentInstead(pod: CoreV1Pod, container: CoreV1Container): Promise<ImageFacts | undefined> {
    const { images, clock, recorder } = this.#options
    const image = container.image!
    const registry = registryOf(image)
    if ((this.#unreachable.get(registry) ?? 0) <= clock.now()) return undefined
    const present = await images.inspect(image)
    if (present === undefined) return undefined
    recorder.event(
      containerReference(pod, container),
      'Warning',
      'RegistryUnreachable',
      `Registry ${registry} cannot be reached: container image "${image}" is used as it is present on machine`,
    )
    return present
  }

  async #pull(pod: CoreV1Pod, container: CoreV1Container): Promise<ImageFacts> {
    const { images, clock, recorder } = this.#options
    const image = container.image!
    const about = containerReference(pod, container)
    const key = `${pod.metadata.uid}/${image}`
    const startedMs = clock.now()
    recorder.event(about, 'Normal', 'Pulling', `Pulling image "${image}"`)
    try {
      await this.#pullOnce(image, await this.#credentials(pod, image))
      const facts = await images.inspect(image)
      if (facts === undefined) throw new Error(`image "${image}" was pulled and is not there`)
      this.#backoff.forget(key)
      const tookMs = clock.now() - startedMs
      recorder.event(
        about,
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${tookMs}ms (${tookMs}ms including waiting). Image size: ${facts.sizeBytes} bytes.`,
      )
      return facts
    } catch (error) {
      if (isUnavailable(error)) throw error
      const message = (error as Error).message
      if (unreachablePattern.test(message)) {
        this.#unreachable.set(registryOf(image), clock.now() + unreachableMs)
        const present = await this.#presentInstead(pod, container)
        if (present !== undefined) return present
      }
      recorder.event(about, 'Warning', 'Failed', `Failed to pull image "${image}": ${message}`)
      recorder.event(about, 'Warning', 'Failed', 'Error: ErrImagePull')
      this.#backoff.lengthen(key, clock.now(), clock.now())
      throw new ImageError('ErrImagePull', message, clock.now() + this.#backoff.delayMs(key), { cause: error })
    }
  }

  #pullOnce(image: string, credentials: RegistryCredentials | undefined): Promise<void> {
    const key = `${image} ${credentials?.username ?? ''} ${credentials?.password ?? ''}`
    let pull = this.#pulls.get(key)
    if (pull === undefined) {
      pull = this.#options.images.pull(image, credentials).finally(() => this.#pulls.delete(key))
      this.#pulls.set(key, pull)
    }
    return pull
  }

  /** The first of the pod's pull secrets that knows the image's registry. */
  async #credentials(pod: CoreV1Pod, image: string): Promise<RegistryCredentials | undefined> {
    for (const { name } of pod.spec.imagePullSecrets ?? []) {
      if (name === undefined) continue
      const secret = await this.#options.source.secret(pod.metadata.namespace!, name)
      const found = secret === undefined ? undefined : credentialsIn(secret, registryOf(image))
      if (found !== undefined) return found
    }
    return this.#options.providers?.credentialsFor(image)
  }
}

/** What an event about one container of a pod is about. */
export function containerReference(
  pod: CoreV1Pod,
  container: { readonly name: string },
): {
  apiVersion: string
  kind: string
  namespace: string
  name: string
  uid: string
  resourceVersion: string
  fieldPath: string
} {
  const list = (['initContainers', 'ephemeralContainers'] as const).find((each) =>
    pod.spec[each]?.some(({ name }) => name === container.name),
  )
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = pod.metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace,
    name,
    uid,
    resourceVersion,
    fieldPath: `spec.${list ?? 'containers'}{${container.name}}`,
  }
}

/** `Always` for `:latest` and for images without a tag, unless the pod says otherwise. */
export function pullPolicyOf(container: CoreV1Container): string {
  if (container.imagePullPolicy !== undefined && container.imagePullPolicy !== '') return container.imagePullPolicy
  const image = container.image ?? ''
  const name = image.slice(image.lastIndexOf('/') + 1)
  return !image.includes('@') && (!name.includes(':') || name.endsWith(':latest')) ? 'Always' : 'IfNotPresent'
}

interface RegistryEntry {
  readonly username?: string
  readonly password?: string
  readonly auth?: string
}

/** Credentials in a secret of either form that registries' clients write. */
function credentialsIn({ data = {} }: CoreV1Secret, registry: string): RegistryCredentials | undefined {
  const parse = (text: string) => JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as unknown
  try {
    const [modern, legacy] = [data['.dockerconfigjson'], data['.dockercfg']]
    if (modern !== undefined) return credentialsOf((parse(modern) as { auths?: Record<string, RegistryEntry> }).auths ?? {}, registry)
    if (legacy !== undefined) return credentialsOf(parse(legacy) as Record<string, RegistryEntry>, registry)
  } catch {
    // A malformed secret is as good as none: the pull then tells what the registry thinks of it.
  }
  return undefined
}

function credentialsOf(entries: Readonly<Record<string, RegistryEntry>>, registry: string): RegistryCredentials | undefined {
  for (const [server, entry] of Object.entries(entries)) {
    if (registryOf(`${server.replace(/^https?:\/\//, '').replace(/\/.*$/, '')}/image`) !== registry) continue
    const [username = '', ...rest] = entry.auth === undefined ? [] : Buffer.from(entry.auth, 'base64').toString('utf8').split(':')
    return { username: entry.username ?? username, password: entry.password ?? rest.join(':'), serverAddress: server }
  }
  return undefined
}
