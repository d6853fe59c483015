import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import type { CloudProvider, GroupOptions, Instance, NodeGroup } from '../../orchestrator/autoscaler/provider.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { DataFolder } from '../data-folder.ts'
import { isRunning, readRunState } from '../state.ts'
import { addLocalNode, listLocalNodes, removeNode } from './local-nodes.ts'
import type { LocalNode } from './wanted-nodes.ts'

/** Nodes with this label came by themselves and may go. */
const groupLabel = 'binnacle.dev/node-group'
/** The one group of this host. */
const group = 'local'
const pollMs = 200

export interface LocalProviderOptions {
  readonly folder: DataFolder
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  /** Nodes of the start, the first of which others are like. */
  readonly startedNodes: readonly string[]
  /** How many nodes the host may be, those of the start included. */
  readonly min: number
  readonly max: number
  readonly maxNodeProvisionMs: number
  /** Ends the wait for the supervisor. */
  readonly signal: AbortSignal
}

/** Makes this host more or fewer nodes, through its supervisor, as `node add` and `node remove` do. Nodes of the start, and those that somebody added by hand, stay. */
export const createLocalProvider = (options: LocalProviderOptions): CloudProvider => new LocalProvider(options)

class LocalProvider implements CloudProvider {
  readonly name = 'local'
  readonly #options: LocalProviderOptions
  /** Nodes that are being added, by name. */
  readonly #pending = new Map<string, AbortController>()
  /** What went wrong since the last look. */
  readonly #failures: Instance[] = []

  constructor(options: LocalProviderOptions) {
    this.#options = options
  }

  /** Right after the start the supervisor still brings nodes up. */
  async refresh(): Promise<void> {
    const { folder, clock, signal } = this.#options
    for (let state = readRunState(folder); !(isRunning(state) && state.isReady); state = readRunState(folder)) {
      signal.throwIfAborted()
      await clock.sleep(pollMs, signal)
    }
  }

  async nodeGroups(): Promise<readonly NodeGroup[]> {
    const { startedNodes, min, max } = this.#options
    const fixed = startedNodes.length + this.#local().filter((node) => !isMember(node)).length
    return [{ id: group, minSize: Math.max(0, min - fixed), maxSize: Math.max(0, max - fixed) }]
  }

  async groupOf({ metadata }: CoreV1Node): Promise<string | undefined> {
    return metadata.labels?.[groupLabel] === group && this.#members().has(metadata.name!) ? group : undefined
  }

  async targetSize(): Promise<number> {
    return this.#members().size
  }

  async increaseSize(_: string, delta: number): Promise<void> {
    const { client, startedNodes } = this.#options
    const { cpu, memory } = (await this.#findTemplate())?.status?.capacity ?? {}
    const capacity = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
    const present = (await client.list(CoreV1Node)).items.map(({ metadata }) => metadata.name!)
    const taken = new Set([...present, ...this.#pending.keys(), ...this.#local().map(({ name }) => name)])
    for (let number = startedNodes.length + 1, left = delta; left > 0; number++) {
      const name = `${startedNodes[0]}-${number}`
      if (taken.has(name)) continue
      void this.#add(name, capacity)
      left--
    }
  }

  async deleteNodes(_: string, nodes: readonly CoreV1Node[]): Promise<void> {
    const context = { ...this.#options, signal: new AbortController().signal }
    await Promise.all(nodes.map(({ metadata }) => removeNode(context, { name: metadata.name! })))
  }

  async decreaseTargetSize(_: string, delta: number): Promise<void> {
    for (const abort of [...this.#pending.values()].slice(0, delta)) abort.abort()
  }

  async instances(): Promise<readonly Instance[]> {
    const members = [...this.#members()].map((id): Instance => ({ id, state: this.#pending.has(id) ? 'creating' : 'running' }))
    return [...members, ...this.#failures.splice(0)]
  }

  async templateNode(): Promise<CoreV1Node | undefined> {
    const template = await this.#findTemplate()
    if (template === undefined) return undefined
    const { metadata } = template
    return { ...template, metadata: { ...metadata, labels: { ...metadata.labels, [groupLabel]: group } } }
  }

  async options(_: string, defaults: GroupOptions): Promise<GroupOptions> {
    return defaults
  }

  /** Nodes that are on their way come all the same, and are found by the next start. */
  async cleanup(): Promise<void> {}

  #local(): readonly LocalNode[] {
    return listLocalNodes(this.#options.folder)
  }

  #members(): ReadonlySet<string> {
    return new Set([
      ...this.#local()
        .filter(isMember)
        .map(({ name }) => name),
      ...this.#pending.keys(),
    ])
  }

  async #add(name: string, capacity: Readonly<Record<string, string>>): Promise<void> {
    const { maxNodeProvisionMs, log } = this.#options
    const abort = new AbortController()
    this.#pending.set(name, abort)
    try {
      await addLocalNode(
        { ...this.#options, signal: abort.signal },
        { name, labels: { [groupLabel]: group }, capacity },
        maxNodeProvisionMs,
      )
    } catch (error) {
      if (abort.signal.aborted) return
      this.#failures.push({ id: name, state: 'creating', error: (error as Error).message })
      log.debug({ err: error, node: name }, 'node not added')
    } finally {
      this.#pending.delete(name)
    }
  }

  #findTemplate(): Promise<CoreV1Node | undefined> {
    const { client, startedNodes } = this.#options
    return client.get(CoreV1Node, { name: startedNodes[0]! }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw error
    })
  }
}

const isMember = ({ labels }: LocalNode) => labels[groupLabel] === group
