import type { Clock } from '../../lib/clock.ts'
import type { CoreV1ReplicationController } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { isReady } from '../../orchestrator/controllers/pod-state.ts'
import { CommandError } from '../cluster-connection.ts'
import { annotation, asNew, createControllers } from './controllers.ts'
import type { Controllers } from './controllers.ts'
import { maxSurge, scaleDownTo, scaleUpTo } from './rolling-update.plan.ts'

const renamePollMs = 1000
const renameTimeoutMs = 60_000

/** How fast an update goes, and when it gives up. */
export interface Pace {
  /** Between one pod and the next. */
  readonly updatePeriodMs: number
  readonly pollIntervalMs: number
  /** Without any progress for this long it fails. */
  readonly timeoutMs: number
}

export interface UpdaterOptions {
  readonly client: Client
  readonly namespace: string
  readonly clock: Clock
  readonly print: (line: string) => void
  /** Ends the update between two steps; another run goes on from there. */
  readonly signal: AbortSignal
  readonly pace: Pace
}

/** What an update is from and to. */
export interface Update {
  readonly old: CoreV1ReplicationController
  readonly next: CoreV1ReplicationController
  /** Whether the new controller gets the old one's name in the end. */
  readonly isRenaming: boolean
}

/** Replaces pods of one replication controller by those of another, one by one, each ready before the next. All that it knows is on the controllers. */
export class RollingUpdater {
  readonly controllers: Controllers
  readonly #options: UpdaterOptions

  constructor(options: UpdaterOptions) {
    this.#options = options
    this.controllers = createControllers(options.client, options.namespace)
  }

  /** Begins or goes on with an update. Rejects with `CommandError` when it gets nowhere, or was ended by its signal. */
  async update({ old: given, next, isRenaming }: Update): Promise<void> {
    const { print, clock, pace } = this.#options
    let target = await this.#findOrCreate(next, `${given.metadata.name}:${given.metadata.uid}`)
    const desired = replicaAnnotation(target)
    let old = await this.#rememberSize(given)
    const [oldName, newName] = [old.metadata.name!, target.metadata.name!]
    const room = `keep ${desired} pods available, don't exceed ${desired + maxSurge} pods`
    const scaling = `Scaling up ${newName} from ${sizeOf(target)} to ${desired}, scaling down ${oldName} from ${sizeOf(old)} to 0`
    print(`${scaling} (${room})`)
    let deadline = clock.monotonic() + pace.timeoutMs
    while (sizeOf(target) !== desired || sizeOf(old) !== 0) {
      const before = `${sizeOf(target)} ${sizeOf(old)}`
      const up = scaleUpTo({ old: sizeOf(old), new: sizeOf(target), desired })
      if (up !== sizeOf(target)) {
        print(`Scaling ${newName} up to ${up}`)
        target = await this.#scale(target, up)
      }
      await this.#pause(pace.updatePeriodMs)
      const available = (await this.controllers.pods(target)).filter(isReady).length
      const down = scaleDownTo({ old: sizeOf(old), new: sizeOf(target), available, desired })
      if (down !== sizeOf(old)) {
        print(`Scaling ${oldName} down to ${down}`)
        old = await this.#scale(old, down)
      }
      if (before !== `${sizeOf(target)} ${sizeOf(old)}`) deadline = clock.monotonic() + pace.timeoutMs
      else if (clock.monotonic() > deadline) throw new CommandError('timed out waiting for any update progress to be made')
      else await this.#pause(pace.updatePeriodMs === 0 ? pace.pollIntervalMs : 0)
    }
    await this.#cleanUp({ old, next: target, isRenaming })
  }

  /** Turns an update around: the old controller becomes the new one again, with as many pods as it had. */
  async rollBack({ old, next }: Omit<Update, 'isRenaming'>): Promise<void> {
    const size = old.metadata.annotations?.[annotation.original]
    if (size === undefined) throw new CommandError(`couldn't find original replica count of "${old.metadata.name}"`)
    this.#options.print(`Setting "${old.metadata.name}" replicas to ${size}`)
    const source = `${next.metadata.name}:${next.metadata.uid}`
    const restored = await this.controllers.annotate(old.metadata.name!, { [annotation.source]: source, [annotation.desired]: size })
    await this.update({ old: next, next: restored, isRenaming: false })
    await this.controllers.annotate(old.metadata.name!, { [annotation.next]: null, [annotation.original]: null })
  }

  /** Gives a controller another name: its pods are let go and taken in again. Not ended half way by the signal. */
  async rename(controller: CoreV1ReplicationController, name: string): Promise<void> {
    const { clock, print } = this.#options
    const oldName = controller.metadata.name!
    print(`Renaming ${oldName} to ${name}`)
    await this.controllers.remove(oldName, true)
    const deadline = clock.monotonic() + renameTimeoutMs
    while ((await this.controllers.find(oldName)) !== undefined) {
      if (clock.monotonic() > deadline) throw new CommandError(`timed out waiting for ${oldName} to be gone`)
      await clock.sleep(renamePollMs)
    }
    await this.controllers.create(asNew(controller, name))
  }

  async #findOrCreate(next: CoreV1ReplicationController, source: string): Promise<CoreV1ReplicationController> {
    const { print } = this.#options
    const name = next.metadata.name!
    const existing = await this.controllers.find(name)
    if (existing !== undefined) {
      const { annotations = {} } = existing.metadata
      if (annotations[annotation.source] !== source || annotations[annotation.desired] === undefined) {
        const found = JSON.stringify(annotations)
        throw new CommandError(`missing/unexpected annotations for controller ${name}, expected ${source} : ${found}`)
      }
      print(`Continuing update with existing controller ${name}.`)
      return existing
    }
    const replicas = next.spec.replicas ?? 1
    if (replicas <= 0) throw new CommandError(`Invalid controller spec for ${name}; required: > 0 replicas, actual: ${replicas}`)
    const annotations = { ...next.metadata.annotations, [annotation.desired]: String(replicas), [annotation.source]: source }
    const created = await this.controllers.create({
      ...next,
      metadata: { ...next.metadata, namespace: this.#options.namespace, annotations },
      spec: { ...next.spec, replicas: 0 },
    })
    print(`Created ${name}`)
    return created
  }

  #rememberSize(old: CoreV1ReplicationController): Promise<CoreV1ReplicationController> {
    if (old.metadata.annotations?.[annotation.original] !== undefined) return Promise.resolve(old)
    return this.controllers.annotate(old.metadata.name!, { [annotation.original]: String(sizeOf(old)) })
  }

  /** Asks for a size and waits until there are as many pods. */
  async #scale({ metadata }: CoreV1ReplicationController, replicas: number): Promise<CoreV1ReplicationController> {
    await this.controllers.change(metadata.name!, { spec: { replicas } })
    return this.#waitForSize(metadata.name!)
  }

  async #waitForSize(name: string): Promise<CoreV1ReplicationController> {
    const { clock, pace } = this.#options
    const deadline = clock.monotonic() + pace.timeoutMs
    for (;;) {
      const controller = await this.controllers.get(name)
      const { status, metadata } = controller
      const isSeen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
      if (isSeen && (status?.replicas ?? 0) === sizeOf(controller)) return controller
      if (clock.monotonic() > deadline) throw new CommandError(`timed out waiting for "${name}" to be synced`)
      await this.#pause(pace.pollIntervalMs)
    }
  }

  async #cleanUp({ old, next, isRenaming }: Update): Promise<void> {
    const { print } = this.#options
    const [oldName, newName] = [old.metadata.name!, next.metadata.name!]
    const target = await this.#waitForSize(newName)
    if (isRenaming) {
      print(`Update succeeded. Deleting old controller: ${oldName}`)
      await this.controllers.remove(oldName)
      // A run that ends here is found by the source that is still on the new controller.
      await this.rename(target, oldName)
      return
    }
    print(`Update succeeded. Deleting ${oldName}`)
    await this.controllers.remove(oldName)
    await this.controllers.annotate(newName, { [annotation.source]: null, [annotation.desired]: null })
  }

  async #pause(ms: number): Promise<void> {
    const { clock, signal } = this.#options
    await clock.sleep(ms, signal)
    if (signal.aborted) throw new CommandError('interrupted: the same command goes on from here, --rollback goes back')
  }
}

const sizeOf = ({ spec }: CoreV1ReplicationController) => spec.replicas ?? 1

function replicaAnnotation({ metadata }: CoreV1ReplicationController): number {
  const text = metadata.annotations?.[annotation.desired] ?? ''
  if (!/^\d+$/.test(text)) throw new CommandError(`Unable to parse annotation for ${metadata.name}: ${annotation.desired}=${text}`)
  return Number(text)
}
