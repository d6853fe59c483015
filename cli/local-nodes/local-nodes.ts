import { existsSync, rmSync } from 'node:fs'
import type { Clock } from '../../lib/clock.ts'
import { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { CommandError } from '../cluster-connection.ts'
import type { DataFolder } from '../data-folder.ts'
import { markRemoved, unmarkRemoved } from '../hosts/removed-nodes.ts'
import { unmountBelow } from '../mounts.ts'
import { nodeNames, parseOptions } from '../options.ts'
import { isRunning, readRunState, type RunState } from '../state.ts'
import { drainNode } from './drain.ts'
import { localNodeNames, processOf, readLocalNode, unwantLocalNode, wantLocalNode, type LocalNode } from './wanted-nodes.ts'

const pollMs = 100

/** What adding and removing need: the data folder of a running cluster, and a client of it. */
export interface LocalNodesContext {
  readonly folder: DataFolder
  readonly client: Client
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** What a node to be added is to be; the rest has defaults. */
export interface NodeToAdd {
  /** By default the next free one after the names of the host's nodes. */
  readonly name?: string
  /** By default that of the cluster. */
  readonly runtime?: 'docker' | 'simulated'
  readonly labels?: Readonly<Record<string, string>>
  /** What the node says it has (`cpu`, `memory`), as Kubernetes quantities. By default what the machine has. */
  readonly capacity?: Readonly<Record<string, string>>
}

/**
 * Adds a node to the host of a running cluster, and resolves with its name when it is Ready; it is there again after a restart. Safe to call several times at
 * once. Throws a `CommandError` where it cannot be; then nothing is left of it.
 */
export async function addLocalNode(context: LocalNodesContext, wanted: NodeToAdd, timeoutMs = 60_000): Promise<string> {
  const { folder, client, clock, signal } = context
  const state = stateOf(folder)
  const node = await reserve(context, state, wanted)
  const deadline = clock.monotonic() + timeoutMs
  try {
    for (;;) {
      signal.throwIfAborted()
      const problem = readRunState(folder)?.nodeProblems?.[node.name]
      if (problem !== undefined) throw new CommandError(`node ${node.name} does not start: ${problem}`)
      if (isReady(await findNode(client, node.name))) return node.name
      if (clock.monotonic() > deadline)
        throw new CommandError(
          `node ${node.name} is not ready after ${timeoutMs / 1000} s; its log: ${folder.logFile(processOf(node.name))}`,
        )
      await clock.sleep(pollMs, signal)
    }
  } catch (error) {
    unwantLocalNode(folder, node.name)
    await untilProcessEnds(context, node.name, timeoutMs).catch(() => {})
    await cleanUp(context, node, state)
    await forget(client, node.name)
    await unmarkRemoved(client, node.name)
    throw error
  }
}

/** How a node is to be removed. */
export interface Removal {
  readonly name: string
  /** Pods without a controller go, too, budgets are not asked, and a node that does not answer is not waited for. */
  readonly isForced?: boolean
  readonly timeoutMs?: number
  readonly report?: (line: string) => void
}

/**
 * Takes a node out of the cluster for good: drains it, removes its object, and where it was added to this host ends its process and removes its containers.
 * A node of another host leaves by itself. Throws a `CommandError` where it cannot be drained; then it stays, without new pods.
 */
export async function removeNode(context: LocalNodesContext, removal: Removal): Promise<void> {
  const { folder, client, clock, signal } = context
  const { name, isForced = false, timeoutMs = 300_000, report = () => {} } = removal
  const state = stateOf(folder)
  if (nodeNames(parseOptions(state.flags)).includes(name))
    throw new CommandError(`node ${name} belongs to the start of this cluster: start with fewer --nodes to have fewer`)
  const local = readLocalNode(folder, name)
  const node = await findNode(client, name)
  if (node === undefined && local === undefined) throw new CommandError(`there is no node ${name}`)
  if (node !== undefined) {
    await drainNode({ client, clock, signal, nodeName: name, isForced, timeoutMs, report })
    await forget(client, name)
  }
  if (local !== undefined) {
    unwantLocalNode(folder, name)
    await untilProcessEnds(context, name, timeoutMs)
    await cleanUp(context, local, state)
    await unmarkRemoved(client, name)
  }
  await removePods(client, name)
}

/** The nodes that were added to this host. */
export function listLocalNodes(folder: DataFolder): LocalNode[] {
  return localNodeNames(folder).flatMap((name) => readLocalNode(folder, name) ?? [])
}

function stateOf(folder: DataFolder): RunState {
  const state = readRunState(folder)
  if (!isRunning(state) || !state.isReady) throw new CommandError(`Binnacle does not run for ${folder.root}: \`npm start\` starts it`)
  if (!existsSync(folder.path('pki', 'ca.key')))
    throw new CommandError('nodes are added and removed on the host of the server; this host has joined a cluster')
  return state
}

async function reserve({ folder, client }: LocalNodesContext, state: RunState, wanted: NodeToAdd): Promise<LocalNode> {
  const { runtime = state.runtime, labels = {}, capacity = {} } = wanted
  if (runtime === 'docker' && state.runtime !== 'docker')
    throw new CommandError('--runtime: this cluster runs without a Docker engine: simulated is what it can have')
  const own = nodeNames(parseOptions(state.flags))
  const present = new Set([...own, ...(await client.list(CoreV1Node)).items.map(({ metadata }) => metadata.name!)])
  const reserveAs = (name: string) => !present.has(name) && wantLocalNode(folder, { name, runtime, labels, capacity })
  if (wanted.name !== undefined) {
    if (!reserveAs(wanted.name)) throw new CommandError(`there is a node ${wanted.name} already`)
    return { name: wanted.name, runtime, labels, capacity }
  }
  for (let number = own.length + 1; ; number++) {
    const name = `${own[0]}-${number}`
    if (reserveAs(name)) return { name, runtime, labels, capacity }
  }
}

async function untilProcessEnds({ folder, clock, signal }: LocalNodesContext, name: string, timeoutMs: number): Promise<void> {
  const deadline = clock.monotonic() + timeoutMs
  for (;;) {
    const state = readRunState(folder)
    // Without a supervisor nothing runs: what is left of the node goes with `down`.
    if (!isRunning(state) || state.processes.every((process) => process.name !== processOf(name) || process.state === 'stopped')) return
    signal.throwIfAborted()
    if (clock.monotonic() > deadline) throw new CommandError(`the process of node ${name} did not end within ${timeoutMs / 1000} s`)
    await clock.sleep(pollMs, signal)
  }
}

/** Containers, files and certificate of a node whose process has ended. */
async function cleanUp({ folder, clock }: LocalNodesContext, { name, runtime }: LocalNode, { dockerHost }: RunState): Promise<void> {
  if (runtime === 'docker') {
    const [{ removeEverything }, { createLog }] = await Promise.all([
      import('../../orchestrator/node/remove-everything.ts'),
      import('../../lib/log.ts'),
    ])
    const log = createLog({ level: 'warn', component: 'node' })
    await removeEverything({ dockerUrl: dockerHost, clusterId: folder.clusterId, nodeName: name, log, clock })
  }
  const data = folder.path('nodes', name)
  unmountBelow(data)
  rmSync(data, { recursive: true, force: true, maxRetries: 3 })
  for (const end of ['crt', 'key']) rmSync(folder.path('pki', `node-${name}.${end}`), { force: true })
}

/** Deletes a Node so that its agent does not register it again. */
async function forget(client: Client, name: string): Promise<void> {
  const uid = (await findNode(client, name))?.metadata.uid
  if (uid === undefined) return
  await markRemoved(client, { name, uid })
  await client.delete(CoreV1Node, { name }, { preconditions: { uid } }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error
  })
}

/** What is left on a node that is gone, as the pods of daemon sets: nobody would end them. */
async function removePods(client: Client, nodeName: string): Promise<void> {
  const { items } = await client.list(CoreV1Pod, { fieldSelector: `spec.nodeName=${nodeName}` })
  for (const { metadata } of items) {
    await client
      .delete(
        CoreV1Pod,
        { namespace: metadata.namespace!, name: metadata.name! },
        { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid! } },
      )
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }
}

async function findNode(client: Client, name: string): Promise<CoreV1Node | undefined> {
  return client.get(CoreV1Node, { name }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined
    throw error
  })
}

const isReady = (node: CoreV1Node | undefined) =>
  node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
