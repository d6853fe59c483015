import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { isForeign, podOf, type OwnerFilter } from '../../docker/describe.ts'
import type { DockerEngine, DockerEvent } from '../../docker/docker-engine.ts'
import type { ContainerRecord, PodFacts } from './container-record.ts'

/** What is known of the pods of this node. */
export interface PodDirectory {
  /** By the pod's uid; `undefined` while nothing is known of it. */
  get(uid: string): PodFacts | undefined
  /** Called with the uid of a pod that has become known, or has changed. */
  onChange(handler: (uid: string) => void): void
}

export interface DockerContainersOptions {
  readonly engine: DockerEngine
  readonly owner: OwnerFilter
  /** Whether containers that are no node's are told of. */
  readonly takesPlain: boolean
  readonly pods: PodDirectory | undefined
  readonly clock: Clock
  readonly log: Log
  readonly onRecord: (record: ContainerRecord) => void
}

const initialRetryMs = 500
const maxRetryMs = 30_000

/** What an action makes of a container; others change nothing. */
const phases: Readonly<Record<string, ContainerRecord['phase']>> = {
  create: 'created',
  start: 'running',
  restart: 'running',
  unpause: 'running',
  die: 'ended',
  destroy: 'removed',
}

/**
 * Tells of containers whose logs are to be read. An event has all that is needed, labels included, so that a container that lives for a moment
 * is known before it is made to run. After a disconnection everything is told anew from one list.
 */
export class DockerContainers {
  readonly #options: DockerContainersOptions
  readonly #records = new Map<string, ContainerRecord>()
  #rootDir = ''
  #isConnected = false
  #problem: string | undefined = 'not connected yet'

  constructor(options: DockerContainersOptions) {
    this.#options = options
    options.pods?.onChange((uid) => this.#onPod(uid))
  }

  /** Those that are there, for somebody who begins to listen later. */
  records(): readonly ContainerRecord[] {
    return [...this.#records.values()]
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    let delayMs = initialRetryMs
    while (!signal.aborted) {
      let reason = 'the event stream ended'
      try {
        await this.#follow(signal)
        delayMs = initialRetryMs
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error)
      }
      if (signal.aborted) return
      if (this.#isConnected || this.#problem === 'not connected yet')
        log.warn({ reason }, 'Docker does not answer: logs of known containers are read on, new containers are found when it is back')
      this.#isConnected = false
      this.#problem = reason
      await clock.sleep(delayMs, signal)
      delayMs = Math.min(delayMs * 2, maxRetryMs)
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { engine, log } = this.#options
    const connection = new AbortController()
    const stop = () => connection.abort()
    signal.addEventListener('abort', stop, { once: true })
    try {
      this.#rootDir = (await engine.info()).rootDir
      const ended = Promise.withResolvers<void>()
      await engine.events({ onEvent: (event) => this.#onEvent(event), onEnd: ended.resolve }, connection.signal)
      const listed = await engine.all()
      const present = new Set(listed.map(({ id }) => id))
      for (const record of this.#records.values()) if (!present.has(record.id)) this.#tell({ ...record, phase: 'removed' })
      for (const { id, isRunning, ...facts } of listed) this.#update(id, isRunning ? 'running' : 'ended', facts)
      this.#isConnected = true
      this.#problem = existsSync(join(this.#rootDir, 'containers')) ? undefined : `${this.#rootDir}/containers is not on this machine`
      if (this.#problem !== undefined) log.warn({ problem: this.#problem }, "Docker's logs can not be read")
      await ended.promise
    } finally {
      signal.removeEventListener('abort', stop)
      connection.abort()
    }
  }

  #onEvent({ action, containerId, attributes = {} }: DockerEvent): void {
    const known = this.#records.get(containerId)
    const phase = action === 'rename' ? known?.phase : phases[action]
    if (phase === undefined) return
    const { name = known?.name ?? '', image = known?.image ?? '', exitCode: _exitCode, ...labels } = attributes
    this.#update(containerId, phase, { name, image, labels: known?.labels ?? labels })
  }

  #update(id: string, phase: ContainerRecord['phase'], facts: Pick<ContainerRecord, 'name' | 'image' | 'labels'>): void {
    if (!/^[0-9a-f]{64}$/.test(id) || isForeign(facts.labels, this.#options.owner)) return
    if (!this.#options.takesPlain && facts.labels['binnacle.node'] === undefined) return
    const pod = podOf(facts.labels)
    // Sandboxes write nothing.
    if (pod?.isSandbox === true) return
    const known = pod === undefined ? undefined : this.#options.pods?.get(pod.uid)
    this.#tell({
      id,
      logPath: join(this.#rootDir, 'containers', id, `${id}-json.log`),
      ...facts,
      pod: pod === undefined ? undefined : { name: pod.name, namespace: pod.namespace, uid: pod.uid, container: pod.container },
      facts: known,
      phase,
      isIncomplete: pod !== undefined && known === undefined && this.#options.pods !== undefined,
    })
  }

  #tell(record: ContainerRecord): void {
    if (record.phase === 'removed') this.#records.delete(record.id)
    else this.#records.set(record.id, { ...record, isAboutPod: false })
    this.#options.onRecord(record)
  }

  #onPod(uid: string): void {
    const facts = this.#options.pods?.get(uid)
    for (const record of this.#records.values()) {
      if (record.pod?.uid === uid) this.#tell({ ...record, facts: facts ?? record.facts, isIncomplete: false, isAboutPod: true })
    }
  }
}
