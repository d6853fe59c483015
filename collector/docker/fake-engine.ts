import type { DockerEngine, DockerEvent, DockerInspection, ListedDockerContainer } from './docker-engine.ts'

/** A Docker engine in memory: the tests start and end containers and take the engine away and back. */
export class FakeDockerEngine implements DockerEngine {
  inspections = 0
  readonly containers = new Map<string, DockerInspection>()
  #isAway = false
  #handlers: { onEvent: (event: DockerEvent) => void; onEnd: () => void } | undefined

  async info() {
    this.#answer()
    return { version: '20.10.24', apiVersion: '1.41', rootDir: '/var/lib/docker', storageDriver: 'overlay2' }
  }

  async running(): Promise<readonly string[]> {
    this.#answer()
    return [...this.containers.values()].filter(({ isRunning }) => isRunning).map(({ id }) => id)
  }

  async all(): Promise<readonly ListedDockerContainer[]> {
    this.#answer()
    return [...this.containers.values()].map(({ id, name, image, labels, isRunning }) => ({ id, name, image, labels, isRunning }))
  }

  async inspect(id: string): Promise<DockerInspection | undefined> {
    this.#answer()
    this.inspections++
    return this.containers.get(id)
  }

  async events(handlers: { onEvent: (event: DockerEvent) => void; onEnd: () => void }, signal: AbortSignal): Promise<void> {
    this.#answer()
    this.#handlers = handlers
    signal.addEventListener('abort', () => handlers.onEnd(), { once: true })
  }

  /** Adds a running container or replaces it, and tells of it. */
  run(container: Partial<DockerInspection> & { readonly id: string }, action = 'start'): void {
    this.containers.set(container.id, {
      name: container.id.slice(0, 12),
      image: 'busybox',
      labels: {},
      isRunning: true,
      pid: 0,
      createdMs: 1_000_000,
      startedMs: 2_000_000,
      networkMode: 'default',
      cgroupParent: '',
      health: undefined,
      layerPath: undefined,
      logPath: undefined,
      ...container,
    })
    this.emit(action, container.id)
  }

  /** Ends a container and tells of it. */
  die(id: string): void {
    this.containers.delete(id)
    this.emit('die', id)
  }

  emit(action: string, containerId: string, attributes?: Readonly<Record<string, string>>): void {
    this.#handlers?.onEvent({ action, containerId, ...(attributes === undefined ? {} : { attributes }) })
  }

  /** Stops answering, and ends the stream of events. */
  leave(): void {
    this.#isAway = true
    this.#handlers?.onEnd()
    this.#handlers = undefined
  }

  comeBack(): void {
    this.#isAway = false
  }

  #answer(): void {
    if (this.#isAway) throw new Error('connect ENOENT /var/run/docker.sock')
  }
}
