import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreV1Pod, CoreV1ReplicationController } from '../../orchestrator/api/generated/kinds.ts'
import { silentLog } from '../../lib/log.ts'
import { createController } from '../../orchestrator/controllers/controller.ts'
import { createGarbageCollector } from '../../orchestrator/controllers/garbage-collector/garbage-collector.controller.ts'
import { createReplicationControllerController } from '../../orchestrator/controllers/replicationcontroller/replicationcontroller.controller.ts'
import { createTestCluster } from '../../orchestrator/controllers/test-cluster.ts'
import type { TestCluster } from '../../orchestrator/controllers/test-cluster.ts'
import { rollingUpdate } from '../commands/rolling-update.ts'
import type { Wish } from '../commands/rolling-update.ts'
import { scaleDownTo, scaleUpTo } from './rolling-update.plan.ts'

let cluster: TestCluster
let lines: string[]
let abort: AbortController
let folder: string
/** Images whose pods never become ready. */
let broken: readonly string[]

beforeEach(async () => {
  cluster = createTestCluster()
  lines = []
  abort = new AbortController()
  broken = []
  folder = mkdtempSync(join(tmpdir(), 'binnacle-rolling-'))
  const kinds = [CoreV1ReplicationController, CoreV1Pod]
  const { declarations, connect } = createGarbageCollector({ informers: cluster.informers, kinds })
  const own = { ...cluster, log: silentLog }
  const collectors = declarations.map((declaration) => createController(declaration, own))
  connect((kind, key) => collectors[kinds.findIndex(({ plural }) => plural === kind.plural)]!.enqueueAfter(key, 0))
  for (const collector of collectors) cluster.keep((signal) => collector.run(signal))
  await cluster.start(createReplicationControllerController(cluster))
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await cluster.stop()
})

const controller = (name: string, labels: Record<string, string>, more: object = {}): CoreV1ReplicationController => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 3,
    selector: labels,
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'web:1' }] } },
    ...more,
  },
})
const none: Wish = {
  filename: undefined,
  image: undefined,
  container: undefined,
  'image-pull-policy': undefined,
  'deployment-label-key': 'deployment',
  rollback: false,
}
const get = (name: string) => cluster.client.get(CoreV1ReplicationController, { namespace: 'default', name })
const names = async () =>
  (await cluster.client.list(CoreV1ReplicationController, { namespace: 'default' })).items.map(({ metadata }) => metadata.name)

/** Every pod becomes ready, but those of broken images. */
async function makeReady(): Promise<void> {
  for (const pod of await cluster.pods()) {
    if (pod.status?.phase === 'Running' || broken.includes(pod.spec.containers[0]!.image!)) continue
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
    await cluster.client.updateStatus(CoreV1Pod, { ...pod, status })
  }
}

/** Runs the command while time goes by; answers the last line, or the error. */
async function run(words: readonly string[], wish: Partial<Wish>, seconds = 600): Promise<string | Error> {
  let end: string | Error | undefined
  const pace = { updatePeriodMs: 10_000, pollIntervalMs: 1000, timeoutMs: 60_000 }
  const { client, clock } = cluster
  const options = { client, clock, namespace: 'default', print: (line: string) => lines.push(line), signal: abort.signal, pace }
  const running = rollingUpdate(words, { ...none, ...wish }, options).then(
    (text) => (end = text),
    (error: Error) => (end = error),
  )
  for (let second = 0; second < seconds && end === undefined; second++) {
    await makeReady()
    await clock.advance(1000)
  }
  if (end === undefined) {
    abort.abort()
    await clock.advance(1000)
  }
  return running
}
const start = async (object: CoreV1ReplicationController) => {
  await cluster.client.create(CoreV1ReplicationController, object)
  await cluster.clock.advance(1000)
  await makeReady()
}
const write = (object: object) => {
  const file = join(folder, 'new.json')
  writeFileSync(file, JSON.stringify(object))
  return file
}

test.each([
  ['nothing yet: one more than wanted', { old: 3, new: 0, desired: 3 }, 1],
  ['no room while all old ones are there', { old: 3, new: 1, desired: 3 }, 1],
  ['as many as have gone', { old: 1, new: 1, desired: 3 }, 3],
  ['no old one left', { old: 0, new: 1, desired: 5 }, 5],
  ['never more than wanted', { old: 0, new: 7, desired: 5 }, 5],
])('up: %s', (_, progress, expected) => {
  expect(scaleUpTo(progress)).toBe(expected)
})

test.each([
  ['a ready new one lets an old one go', { old: 3, new: 1, available: 1, desired: 3 }, 2],
  ['none goes while the new one is not ready', { old: 3, new: 1, available: 0, desired: 3 }, 3],
  ['all go when all new ones are ready', { old: 7, new: 3, available: 3, desired: 3 }, 0],
  ['more than wanted go at once', { old: 6, new: 0, available: 0, desired: 3 }, 3],
])('down: %s', (_, progress, expected) => {
  expect(scaleDownTo(progress)).toBe(expected)
})

describe('by a file', () => {
  const next = () => write(controller('web-v2', { app: 'web', version: '2' }, { replicas: undefined }))

  test('pods are replaced one by one, and the old controller goes', async () => {
    await start(controller('web-v1', { app: 'web', version: '1' }))
    expect(await run(['web-v1'], { filename: next() })).toBe('"web-v1" rolling updated to "web-v2"')
    expect(lines).toEqual([
      'Created web-v2',
      "Scaling up web-v2 from 0 to 3, scaling down web-v1 from 3 to 0 (keep 3 pods available, don't exceed 4 pods)",
      'Scaling web-v2 up to 1',
      'Scaling web-v1 down to 2',
      'Scaling web-v2 up to 2',
      'Scaling web-v1 down to 1',
      'Scaling web-v2 up to 3',
      'Scaling web-v1 down to 0',
      'Update succeeded. Deleting web-v1',
    ])
    expect(await names()).toEqual(['web-v2'])
    expect(Object.keys((await get('web-v2')).metadata.annotations ?? {})).toEqual([])
  })

  test('after Ctrl-C the same command goes on', async () => {
    await start(controller('web-v1', { app: 'web', version: '1' }))
    expect(await run(['web-v1'], { filename: next() }, 15)).toMatchObject({ message: expect.stringContaining('interrupted') as string })
    abort = new AbortController()
    lines = []
    expect(await run(['web-v1'], { filename: next() })).toBe('"web-v1" rolling updated to "web-v2"')
    expect(lines[0]).toBe('Continuing update with existing controller web-v2.')
    expect(lines[1]).toMatch(/^Scaling up web-v2 from [12] to 3, scaling down web-v1 from 2 to 0/)
  })

  test.each([
    [
      'the same name',
      controller('web-v1', { app: 'web', version: '2' }),
      'cannot have the same name as the existing ReplicationController web-v1',
    ],
    [
      'the same selector',
      controller('web-v2', { app: 'web', version: '1' }),
      'must specify a matching key with non-equal value in Selector for web-v1',
    ],
    [
      'no size',
      controller('web-v2', { app: 'web', version: '2' }, { replicas: 0 }),
      'Invalid controller spec for web-v2; required: > 0 replicas',
    ],
    ['another kind', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }, 'contains a v1, Kind=Pod not a ReplicationController'],
    ['two objects', { apiVersion: 'v1', kind: 'List', items: [controller('a', {}), controller('b', {})] }, 'specifies multiple items'],
    ['nothing', {}, 'every object needs apiVersion and kind'],
  ])('a file with %s is refused', async (_, object, message) => {
    await start(controller('web-v1', { app: 'web', version: '1' }))
    expect(await run(['web-v1'], { filename: write(object) })).toMatchObject({ message: expect.stringContaining(message) as string })
    expect(await names()).toEqual(['web-v1'])
  })

  test('another’s controller of that name is left alone', async () => {
    await start(controller('web-v1', { app: 'web', version: '1' }))
    await start(controller('web-v2', { app: 'web', version: '2' }))
    expect(await run(['web-v1'], { filename: next() })).toMatchObject({
      message: expect.stringContaining('missing/unexpected annotations for controller web-v2, expected web-v1:') as string,
    })
  })
})

describe('by an image', () => {
  test('pods get a label that tells old from new, and the new controller the old one’s name', async () => {
    await start(controller('web', { app: 'web' }))
    const before = (await cluster.pods()).map(({ metadata }) => metadata.name)
    expect(await run(['web'], { image: 'web:2' })).toBe('"web" rolling updated')
    const temporary = /^Created (web-[0-9a-f]{32})$/.exec(lines[0]!)![1]!
    expect(lines.slice(-2)).toEqual(['Update succeeded. Deleting old controller: web', `Renaming ${temporary} to web`])
    const { spec, metadata } = await get('web')
    expect(spec.selector).toEqual({ app: 'web', deployment: temporary.slice('web-'.length) })
    expect(spec.replicas).toBe(3)
    expect(metadata.annotations ?? {}).toEqual({})
    const pods = await cluster.pods()
    expect(pods.map((pod) => pod.spec.containers[0]!.image)).toEqual(['web:2', 'web:2', 'web:2'])
    expect(pods.some((pod) => before.includes(pod.metadata.name))).toBe(false)
    expect(await names()).toEqual(['web'])
  })

  test('an image that never gets ready costs no old pod; another image is refused meanwhile; rollback restores what was', async () => {
    broken = ['web:42']
    await start(controller('web', { app: 'web' }))
    expect(await run(['web'], { image: 'web:42' })).toMatchObject({ message: 'timed out waiting for any update progress to be made' })
    expect((await get('web')).status?.replicas).toBe(3)
    expect(await run(['web'], { image: 'web:2' })).toMatchObject({
      message: expect.stringContaining('Found existing in-progress update to image (web:42).') as string,
    })
    lines = []
    expect(await run(['web'], { rollback: true })).toBe('"web" rolling updated')
    expect(lines[0]).toBe('Setting "web" replicas to 3')
    expect(lines[1]).toBe('Continuing update with existing controller web.')
    expect(lines[2]).toMatch(/^Scaling up web from 3 to 3, scaling down web-\w+ from 1 to 0/)
    expect(lines.at(-1)).toMatch(/^Update succeeded\. Deleting web-\w{32}$/)
    expect(await names()).toEqual(['web'])
    expect(Object.keys((await get('web')).metadata.annotations ?? {})).toEqual([])
  })

  test('a run that ended before the renaming is taken up there', async () => {
    await start({
      ...controller('web-abc', { app: 'web', deployment: 'abc' }),
      metadata: { name: 'web-abc', namespace: 'default', annotations: { 'kubectl.kubernetes.io/update-source-id': 'web:uid' } },
    })
    expect(await run(['web'], { image: 'web:2' })).toBe('"web" rolling updated')
    expect(lines).toEqual(['Renaming web-abc to web'])
    expect(await names()).toEqual(['web'])
  })

  test.each([
    [['nobody'], { image: 'i' }, 'replicationcontrollers "nobody" not found'],
    [['web'], { image: 'web:1' }, '--image-pull-policy (Always|Never|IfNotPresent) must be provided'],
    [['web'], { image: 'web:2', container: 'x' }, 'container x not found in replication controller web; it has c'],
    [['web'], { rollback: true }, 'Could not find a successor of web to rollback.'],
    [['web', 'other'], { rollback: true }, 'Could not find other to rollback.'],
  ])('%j %j is refused', async (words, wish, message) => {
    await start(controller('web', { app: 'web' }))
    expect(await run(words, wish)).toMatchObject({ message: expect.stringContaining(message) as string })
  })
})
