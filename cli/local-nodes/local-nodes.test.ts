import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { tooManyRequests } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createFakeTransport } from '../../orchestrator/client/fake-transport.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { openDataFolder, type DataFolder } from '../data-folder.ts'
import { drainNode } from './drain.ts'
import { SupervisedNodes } from './supervised-nodes.ts'
import { localNodeNames, readLocalNode, unwantLocalNode, wantLocalNode, type LocalNode } from './wanted-nodes.ts'

let root: string
let folder: DataFolder
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'binnacle-nodes-'))
  folder = openDataFolder(root)
})
afterEach(() => rmSync(root, { recursive: true }))

const nodeOf = (name: string): LocalNode => ({ name, runtime: 'simulated', labels: { pool: 'a' }, capacity: { cpu: '2' } })

async function until(what: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + 5000
  while (!what()) {
    if (systemClock.monotonic() > deadline) throw new Error(`not in time: ${what.toString()}`)
    await systemClock.sleep(5)
  }
}

describe('wanted nodes', () => {
  it('are wanted once, however many ask', () => {
    expect([wantLocalNode(folder, nodeOf('n2')), wantLocalNode(folder, nodeOf('n2'))]).toEqual([true, false])
    expect([localNodeNames(folder), readLocalNode(folder, 'n2')]).toEqual([['n2'], nodeOf('n2')])
    unwantLocalNode(folder, 'n2')
    unwantLocalNode(folder, 'n2')
    expect([localNodeNames(folder), readLocalNode(folder, 'n2')]).toEqual([[], undefined])
  })
})

describe('the supervisor', () => {
  let started: string[]
  let stopped: string[]
  let problems: Readonly<Record<string, string>>
  let nodes: SupervisedNodes
  beforeEach(() => {
    started = []
    stopped = []
    problems = {}
    nodes = new SupervisedNodes({
      folder,
      start: async (name) => {
        started.push(name)
        if (name === 'broken') throw new Error('ended at once')
      },
      stop: async (name) => void stopped.push(name),
      onProblems: (now) => (problems = now),
    })
  })
  afterEach(() => nodes.stop())

  it('runs what was wanted before it came, and follows what is wanted and no longer', async () => {
    wantLocalNode(folder, nodeOf('early'))
    await nodes.start()
    expect(started).toEqual(['early'])
    wantLocalNode(folder, nodeOf('late'))
    await until(() => started.length === 2)
    unwantLocalNode(folder, 'early')
    await until(() => stopped.length === 1)
    expect([started, stopped]).toEqual([['early', 'late'], ['node-early']])
  })

  it('tells what stands in the way of a node, and forgets it with the node', async () => {
    await nodes.start()
    wantLocalNode(folder, nodeOf('broken'))
    await until(() => problems['broken'] !== undefined)
    wantLocalNode(folder, nodeOf('fine'))
    await until(() => started.includes('fine'))
    expect([problems, started]).toEqual([{ broken: 'ended at once' }, ['broken', 'fine']])
    unwantLocalNode(folder, 'broken')
    await until(() => problems['broken'] === undefined)
    expect(stopped).toEqual([])
  })

  it('starts nothing more once it is stopped', async () => {
    await nodes.start()
    await nodes.stop()
    wantLocalNode(folder, nodeOf('late'))
    await systemClock.sleep(50)
    expect([started, existsSync(folder.path('local-nodes', 'late'))]).toEqual([[], true])
  })
})

describe('a drain', () => {
  let clock: FakeClock
  let client: Client
  let refused: Set<string>
  let evicted: string[]
  beforeEach(async () => {
    clock = new FakeClock()
    refused = new Set()
    evicted = []
    const plain = createFakeTransport({ clock, random: seededRandom(1) })
    // The API in memory knows no budgets.
    client = createClient({
      stream: (request, signal) => plain.stream(request, signal),
      request: (request) => {
        const name = /\/pods\/([^/]+)\/eviction$/.exec(request.path)?.[1]
        if (name === undefined) return plain.request(request)
        if (refused.has(name)) return Promise.reject(tooManyRequests('the budget', 1))
        evicted.push(name)
        return plain.request({ method: 'DELETE', path: request.path.replace(/\/eviction$/, ''), body: { gracePeriodSeconds: 0 } })
      },
    })
    await client.create(CoreV1Node, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: {} })
  })

  const add = (name: string, owner?: string, annotations: Record<string, string> = {}) =>
    client.create(CoreV1Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'default',
        annotations,
        ...(owner === undefined
          ? {}
          : { ownerReferences: [{ apiVersion: 'apps/v1', kind: owner, name: 'o', uid: 'u', controller: true }] }),
      },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
    })
  const drain = (more: { readonly isForced?: boolean } = {}) =>
    drainNode({
      client,
      clock,
      nodeName: 'n',
      isForced: false,
      timeoutMs: 10_000,
      signal: new AbortController().signal,
      report: () => {},
      ...more,
    })
  const names = async () => (await client.list(CoreV1Pod)).items.map(({ metadata }) => metadata.name)

  it('cordons, evicts what has a controller, and leaves daemons and mirrors', async () => {
    await add('web', 'ReplicaSet')
    await add('daemon', 'DaemonSet')
    await add('static', undefined, { 'kubernetes.io/config.mirror': 'x' })
    const done = drain()
    await clock.advance(1000)
    await done
    expect([evicted, await names()]).toEqual([['web'], ['daemon', 'static']])
    expect((await client.get(CoreV1Node, { name: 'n' })).spec?.unschedulable).toBe(true)
  })

  it('stops at a pod that nobody would replace, before it evicts any', async () => {
    await add('web', 'ReplicaSet')
    await add('alone')
    await expect(drain()).rejects.toThrow('these pods have no controller that would replace them: default/alone; --force')
    expect(evicted).toEqual([])
  })

  it('asks a budget again until it allows, and says which it was where it never does', async () => {
    await add('web', 'ReplicaSet')
    refused.add('web')
    const done = drain()
    await clock.advance(3000)
    refused.clear()
    await clock.advance(3000)
    await done
    expect(await names()).toEqual([])
    await add('web', 'ReplicaSet')
    refused.add('web')
    const never = expect(drain()).rejects.toThrow('not drained within 10 s: default/web stay (the budget)')
    await clock.advance(15_000)
    await never
  })

  it('by force asks nobody', async () => {
    await add('alone')
    await add('web', 'ReplicaSet')
    refused.add('web')
    const done = drain({ isForced: true })
    await clock.advance(1000)
    await done
    expect([evicted, await names()]).toEqual([[], []])
  })
})
