import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import type { CloudProvider, Instance } from '../../orchestrator/autoscaler/provider.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { DataFolder } from '../data-folder.ts'
import { isRunning, readRunState } from '../state.ts'
import { addLocalNode, listLocalNodes, removeNode } from './local-nodes.ts'

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
export function createLocalProvider(options: LocalProviderOptions): CloudProvider {
  const { folder, client, clock, log, startedNodes, min, max, maxNodeProvisionMs, signal } = options
  /** Nodes that are being added, by name. */
  const pending = new Map<string, AbortController>()
  /** What went wrong since the last look. */
  const failures: Instance[] = []

  const local = () => listLocalNodes(folder)
  const members = () => new Set([...local().flatMap(({ name, labels }) => (labels[groupLabel] === group ? [name] : [])), ...pending.keys()])
  /** Nodes of the host that are none of the group. */
  const others = () => startedNodes.length + local().filter(({ labels }) => labels[groupLabel] !== group).length

  async function findTemplate(): Promise<CoreV1Node | undefined> {
    return client.get(CoreV1Node, { name: startedNodes[0]! }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw error
    })
  }

  async function add(name: string, capacity: Readonly<Record<string, string>>, abort: AbortController): Promise<void> {
    try {
      const wanted = { name, labels: { [groupLabel]: group }, capacity }
      await addLocalNode({ folder, client, clock, signal: abort.signal }, wanted, maxNodeProvisionMs)
    } catch (error) {
      if (abort.signal.aborted) return
      failures.push({ id: name, state: 'creating', error: (error as Error).message })
      log.debug({ err: error, node: name }, 'node not added')
    } finally {
      pending.delete(name)
    }
  }

  return {
    name: 'local',
    // Right after the start the supervisor still brings nodes up.
    refresh: async () => {
      for (let state = readRunState(folder); !(isRunning(state) && state.isReady); state = readRunState(folder)) {
        signal.throwIfAborted()
        await clock.sleep(pollMs, signal)
      }
    },
    nodeGroups: async () => {
      const fixed = others()
      return [{ id: group, minSize: Math.max(0, min - fixed), maxSize: Math.max(0, max - fixed) }]
    },
    groupOf: async ({ metadata }) => (metadata.labels?.[groupLabel] === group && members().has(metadata.name!) ? group : undefined),
    targetSize: async () => members().size,
    increaseSize: async (_, delta) => {
      const template = await findTemplate()
      const { cpu, memory } = template?.status?.capacity ?? {}
      const capacity = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
      const present = new Set((await client.list(CoreV1Node)).items.map(({ metadata }) => metadata.name!))
      const taken = (name: string) => present.has(name) || pending.has(name) || local().some((node) => node.name === name)
      for (let number = startedNodes.length + 1, left = delta; left > 0; number++) {
        const name = `${startedNodes[0]}-${number}`
        if (taken(name)) continue
        const abort = new AbortController()
        pending.set(name, abort)
        void add(name, capacity, abort)
        left--
      }
    },
    deleteNodes: async (_, nodes) => {
      const context = { folder, client, clock, signal: new AbortController().signal }
      await Promise.all(nodes.map(({ metadata }) => removeNode(context, { name: metadata.name! })))
    },
    decreaseTargetSize: async (_, delta) => {
      for (const abort of [...pending.values()].slice(0, delta)) abort.abort()
    },
    instances: async () => [
      ...[...members()].map((id): Instance => ({ id, state: pending.has(id) ? 'creating' : 'running' })),
      ...failures.splice(0),
    ],
    templateNode: async () => {
      const template = await findTemplate()
      if (template === undefined) return undefined
      const { metadata } = template
      return { ...template, metadata: { ...metadata, labels: { ...metadata.labels, [groupLabel]: group } } }
    },
    options: async (_, defaults) => defaults,
    // Nodes that are on their way come all the same, and are found by the next start.
    cleanup: async () => {},
  }
}
