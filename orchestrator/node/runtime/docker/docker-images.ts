import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { isAbsent, RuntimeError } from '../runtime.ts'
import type { ImageFacts, ImageService, RegistryCredentials } from '../runtime.ts'
import { callDocker, statusCodeOf, toRuntimeError } from './docker-engine.ts'
import { jsonLines } from './docker-events.ts'
import { pauseProgram } from './pause-program.ts'
import { createTar } from './tar.ts'

/** The sandbox image's name: the tag changes when the program does. */
export const pauseImage = 'binnacle/pause:1'

/** Images of a Docker engine. */
export class DockerImages implements ImageService {
  readonly #docker: Docker

  constructor(docker: Docker) {
    this.#docker = docker
  }

  async inspect(reference: string): Promise<ImageFacts | undefined> {
    try {
      const image = await this.#docker.getImage(reference).inspect()
      return {
        id: image.Id,
        tags: image.RepoTags ?? [],
        digests: image.RepoDigests ?? [],
        sizeBytes: image.Size,
        user: image.Config?.User ?? '',
      }
    } catch (error) {
      // A malformed reference is refused with 400: no such image can exist.
      if (statusCodeOf(error) === 404 || statusCodeOf(error) === 400) return undefined
      throw toRuntimeError(error)
    }
  }

  async pull(reference: string, credentials: RegistryCredentials | undefined): Promise<void> {
    const authconfig =
      credentials === undefined
        ? {}
        : { authconfig: { username: credentials.username, password: credentials.password, serveraddress: credentials.serverAddress } }
    const progress = await callDocker(() => this.#docker.pull(withTag(reference), authconfig))
    await readProgress(progress as Readable)
  }

  async list(): Promise<readonly ImageFacts[]> {
    const images = await callDocker(() => this.#docker.listImages())
    return images
      .map((image) => ({
        id: image.Id,
        tags: (image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'),
        digests: (image.RepoDigests ?? []).filter((digest) => digest !== '<none>@<none>'),
        sizeBytes: image.Size,
        user: '',
      }))
      .filter((image) => image.tags.length + image.digests.length > 0)
  }

  async used(): Promise<ReadonlySet<string>> {
    const [containers, pause] = await Promise.all([callDocker(() => this.#docker.listContainers({ all: true })), this.inspect(pauseImage)])
    return new Set([...containers.map(({ ImageID }) => ImageID), ...(pause === undefined ? [] : [pause.id])])
  }

  async remove(id: string): Promise<void> {
    // An id with several names is only removed name by name, unless by force, which would take it from stopped containers too.
    const facts = await this.inspect(id)
    const names = [...(facts?.tags ?? []), ...(facts?.digests ?? [])]
    for (const name of names.length === 0 ? [id] : names) {
      await callDocker(() => this.#docker.getImage(name).remove()).catch((error: unknown) => {
        if (!isAbsent(error)) throw error
      })
    }
  }

  /** Makes the sandbox image on the engine if it is not there yet. `architecture` in GOARCH words. */
  async ensurePauseImage(architecture: string): Promise<void> {
    if ((await this.inspect(pauseImage)) !== undefined) return
    const archive = createTar([{ path: 'pause', mode: 0o755, content: pauseProgram(architecture) }])
    const [repo, tag] = pauseImage.split(':')
    const progress = await callDocker(() =>
      this.#docker.importImage(Readable.from([archive]), {
        repo,
        tag,
        changes: 'ENTRYPOINT ["/pause"]',
        platform: `linux/${architecture}`,
      }),
    )
    await readProgress(progress as Readable)
  }
}

/** Without a tag the engine would pull every tag of the repository. */
export function withTag(reference: string): string {
  if (reference.includes('@')) return reference
  const name = reference.slice(reference.lastIndexOf('/') + 1)
  return name.includes(':') ? reference : `${reference}:latest`
}

/** Failures after the first byte come as a line of the progress stream. */
async function readProgress(stream: Readable): Promise<void> {
  try {
    for await (const line of jsonLines<{ error?: string }>(stream)) {
      if (typeof line.error === 'string') throw new RuntimeError('failed', line.error)
    }
  } catch (error) {
    throw toRuntimeError(error)
  }
}
