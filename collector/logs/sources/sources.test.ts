import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { FakeDockerEngine } from '../../docker/fake-engine.ts'
import { filesAt, RunningPipeline } from '../testing/running-pipeline.ts'
import type { ContainerRecord, PodFacts } from './container-record.ts'
import { DockerContainers, type DockerContainersOptions } from './docker-containers.ts'
import { readPodFacts } from './polled-pods.ts'
import { podOrigin, readPodLogPath } from './pod-logs.ts'

const id = (digit: string) => digit.repeat(64)
const podLabels = {
  'io.kubernetes.pod.name': 'web-1',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.uid': 'u1',
  'io.kubernetes.container.name': 'web',
  'binnacle.node': 'n1',
}

let running: RunningPipeline | undefined
afterEach(async () => {
  await running?.dispose()
  running = undefined
})

describe("Docker's containers", () => {
  async function follow(more: Partial<DockerContainersOptions> = {}) {
    const engine = new FakeDockerEngine()
    const clock = new FakeClock()
    const records: ContainerRecord[] = []
    const abort = new AbortController()
    const options = { owner: { node: 'n1' }, takesPlain: true, pods: undefined, ...more }
    const containers = new DockerContainers({ engine, clock, log: silentLog, onRecord: (record) => records.push(record), ...options })
    engine.run({ id: id('a'), name: 'first' })
    const done = containers.run(abort.signal)
    await clock.settle()
    return { engine, clock, records, containers, end: () => (abort.abort(), done) }
  }

  test('are told from the list, then from events, with all that is needed to read their logs', async () => {
    const { engine, clock, records, end } = await follow()
    expect(records).toMatchObject([
      { id: id('a'), name: 'first', phase: 'running', logPath: `/var/lib/docker/containers/${id('a')}/${id('a')}-json.log` },
    ])
    engine.emit('create', id('b'), { name: 'job', image: 'busybox', ...podLabels })
    engine.emit('start', id('b'), { name: 'job', image: 'busybox', ...podLabels })
    engine.emit('die', id('b'), { name: 'job', image: 'busybox', exitCode: '0', ...podLabels })
    engine.emit('destroy', id('b'), { name: 'job', image: 'busybox', ...podLabels })
    await clock.settle()
    expect(records.slice(1).map(({ phase }) => phase)).toEqual(['created', 'running', 'ended', 'removed'])
    expect(records[1]).toMatchObject({ pod: { name: 'web-1', namespace: 'shop', uid: 'u1', container: 'web' }, labels: podLabels })
    await end()
  })

  test('of other nodes, sandboxes and, where wanted, those of no node are left alone', async () => {
    const { engine, records, end } = await follow({ takesPlain: false })
    expect(records).toEqual([])
    engine.emit('create', id('c'), { ...podLabels, 'binnacle.node': 'n2' })
    engine.emit('create', id('d'), { ...podLabels, 'io.kubernetes.docker.type': 'podsandbox' })
    engine.emit('create', 'no id', podLabels)
    expect(records).toEqual([])
    await end()
  })

  test('that came and went during an outage are put right afterwards', async () => {
    const { engine, clock, records, containers, end } = await follow()
    engine.leave()
    await clock.settle()
    engine.containers.delete(id('a'))
    engine.run({ id: id('e'), name: 'later' })
    engine.comeBack()
    await clock.advance(2000)
    expect(records.slice(1).map(({ id: one, phase }) => [one[0], phase])).toEqual([
      ['a', 'removed'],
      ['e', 'running'],
    ])
    expect(containers.records().map(({ name }) => name)).toEqual(['later'])
    await end()
  })

  test('of a pod that is not known yet are told again when it is', async () => {
    const facts = new Map<string, PodFacts>()
    const handlers: ((uid: string) => void)[] = []
    const { engine, records, end } = await follow({
      pods: { get: (uid) => facts.get(uid), onChange: (handler) => void handlers.push(handler) },
    })
    engine.emit('create', id('b'), podLabels)
    expect(records.at(-1)).toMatchObject({ isIncomplete: true, facts: undefined })
    facts.set('u1', { labels: { app: 'web' }, annotations: {}, owner: { kind: 'Deployment', name: 'web' } })
    handlers[0]!('u1')
    expect(records.at(-1)).toMatchObject({ isIncomplete: false, facts: { owner: { name: 'web' } } })
    await end()
  })
})

describe("containers' files", () => {
  const record = (folder: string, more: Partial<ContainerRecord> = {}): ContainerRecord => ({
    id: id('a'),
    logPath: join(folder, id('a'), `${id('a')}-json.log`),
    name: 'app',
    image: 'busybox',
    labels: { team: 'x', 'io.kubernetes.pod.name': 'web-1' },
    pod: undefined,
    facts: undefined,
    phase: 'created',
    isIncomplete: false,
    ...more,
  })
  const entry = (log: string, stream = 'stdout') => `${JSON.stringify({ log, stream, time: '2026-11-21T09:13:23.5Z' })}\n`

  async function open(): Promise<RunningPipeline> {
    running = new RunningPipeline(() => ({ docker: { from: 'beginning' } }))
    mkdirSync(running.path(id('a')))
    return running.start()
  }

  test('those known before the sinks have started wait for them', async () => {
    running = new RunningPipeline(() => ({ docker: { from: 'beginning' } }))
    mkdirSync(running.path(id('a')))
    writeFileSync(record(running.folder).logPath, entry('early\n'))
    const { promise, resolve } = Promise.withResolvers<void>()
    running.sink.starting = promise
    const started = running.start()
    const { pipeline } = running
    pipeline.updateContainer(record(running.folder))
    await running.until(() => (pipeline.status().origins[0]?.files.length ?? 0) > 0)
    await new Promise((wake) => setTimeout(wake, 50))
    resolve()
    await started
    expect(await running.untilLines(1)).toEqual(['early'])
  })

  test('one that lives for a moment is read, though it is removed before anything is', async () => {
    const { pipeline, folder } = await open()
    pipeline.updateContainer(record(folder))
    writeFileSync(record(folder).logPath, entry('short\n'))
    await running!.until(() => (pipeline.status().origins[0]?.files.length ?? 0) > 0)
    rmSync(running!.path(id('a')), { recursive: true })
    pipeline.updateContainer(record(folder, { phase: 'removed' }))
    expect(await running!.untilLines(1)).toEqual(['short'])
    expect(running!.sink.batches[0]!.origin).toMatchObject({
      id: `docker/${id('a')}`,
      kind: 'container',
      node: 'n1',
      container: 'app',
      labels: { team: 'x' },
    })
    await running!.until(() => pipeline.status().checkpoint.paths === 0)
  })

  test('lines wait for what is to be known of their pod, and have it', async () => {
    const { pipeline, folder } = await open()
    const pod = { name: 'web-1', namespace: 'shop', uid: 'u1', container: 'web' }
    writeFileSync(record(folder).logPath, entry('hello\n'))
    pipeline.updateContainer(record(folder, { pod, isIncomplete: true }))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(running!.sink.texts()).toEqual([])
    const facts = { labels: { app: 'web' }, annotations: {}, owner: { kind: 'Deployment', name: 'web' } }
    pipeline.updateContainer(record(folder, { pod, facts, phase: 'running' }))
    await running!.untilLines(1)
    expect(running!.sink.batches[0]!.origin).toMatchObject({
      namespace: 'shop',
      pod: 'web-1',
      container: 'web',
      labels: { app: 'web' },
      owner: { name: 'web' },
    })
  })

  test('an annotation excludes a pod while it is there', async () => {
    const { pipeline, folder } = await open()
    const pod = { name: 'web-1', namespace: 'shop', uid: 'u1', container: 'web' }
    const excluded = { labels: {}, annotations: { 'binnacle.io/logs-exclude': 'true' }, owner: undefined }
    writeFileSync(record(folder).logPath, entry('one\n'))
    pipeline.updateContainer(record(folder, { pod, facts: excluded, phase: 'running' }))
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(running!.sink.texts()).toEqual([])
    expect(pipeline.status().origins[0]!.files).toEqual([])
    pipeline.updateContainer(record(folder, { pod, facts: { ...excluded, annotations: {} }, phase: 'running' }))
    expect(await running!.untilLines(1)).toEqual(['one'])
  })

  test('pieces of both streams are joined, and the last one of a container that has ended is told', async () => {
    const { pipeline, folder } = await open()
    writeFileSync(record(folder).logPath, entry('a') + entry('X', 'stderr') + entry('b\n') + entry('Y\n', 'stderr') + entry('unfinished'))
    pipeline.updateContainer(record(folder, { phase: 'running' }))
    expect(await running!.untilLines(2)).toEqual(['ab', 'XY'])
    expect(
      running!.sink.batches.map(({ nextPosition }) => nextPosition).every((at, index, all) => index === 0 || at >= all[index - 1]!),
    ).toBe(true)
    pipeline.updateContainer(record(folder, { phase: 'ended' }))
    expect(await running!.untilLines(3)).toEqual(['ab', 'XY', 'unfinished'])
  })

  test('one that was read to its end is not missed when its pod changes while its file is removed', async () => {
    const { pipeline, folder } = await open()
    const pod = { name: 'web-1', namespace: 'shop', uid: 'u1', container: 'web' }
    const ended = record(folder, { pod, phase: 'ended' })
    writeFileSync(ended.logPath, entry('one\n'))
    pipeline.updateContainer(ended)
    await running!.untilLines(1)
    await running!.until(() => pipeline.status().origins[0]!.files.length === 0)
    rmSync(ended.logPath)
    const facts = { labels: { app: 'web' }, annotations: {}, owner: undefined }
    pipeline.updateContainer({ ...ended, facts, isAboutPod: true })
    await new Promise((resolve) => setTimeout(resolve, 100))
    pipeline.updateContainer({ ...ended, facts, phase: 'removed' })
    await running!.until(() => pipeline.status().checkpoint.paths === 0)
    expect(pipeline.status().total).toMatchObject({ goneFiles: 0, readLines: 1 })
  })

  test('a container that is started again is read on', async () => {
    const { pipeline, folder } = await open()
    writeFileSync(record(folder).logPath, entry('one\n'))
    pipeline.updateContainer(record(folder, { phase: 'ended' }))
    await running!.untilLines(1)
    await running!.until(() => pipeline.status().origins[0]!.files.length === 0)
    appendFileSync(record(folder).logPath, entry('two\n'))
    pipeline.updateContainer(record(folder, { phase: 'running' }))
    expect(await running!.untilLines(2)).toEqual(['one', 'two'])
  })

  test('rules send lines to the sinks that they name', async () => {
    const { MemorySink } = await import('../testing/memory-sink.ts')
    const [all, some] = [new MemorySink('all'), new MemorySink('some')]
    const match = { kinds: [], namespaces: [], pods: [], containers: [], images: [], ids: ['*b.log'], selector: undefined }
    running = new RunningPipeline(
      (folder) => ({
        files: [filesAt(`${folder}/*.log`)],
        rules: [{ match, drop: [], keep: [], sample: [], metrics: [], sinks: ['all'] }],
      }),
      { sinks: [all, some] },
    )
    writeFileSync(running.path('a.log'), 'a\n')
    writeFileSync(running.path('b.log'), 'b\n')
    some.block()
    await running.start()
    await running.until(() => all.texts().includes('b'))
    expect(all.texts()).toEqual(['b'])
    some.unblock()
    await running.until(() => some.texts().length === 1 && all.texts().length === 2)
    expect(some.texts()).toEqual(['a'])
  })
})

describe('a CRI runtime', () => {
  test('has pods, containers and attempts in its paths', () => {
    expect(readPodLogPath('/var/log/pods/shop_web-1_u-1/app/3.log')).toEqual({
      namespace: 'shop',
      pod: 'web-1',
      uid: 'u-1',
      container: 'app',
      attempt: '3',
    })
    expect(readPodLogPath('/var/log/pods/shop_web/app/3.log')).toBeUndefined()
    expect(podOrigin(readPodLogPath('/p/shop_web-1_u-1/app/3.log')!, undefined, 'n1')).toMatchObject({
      id: 'pod/u-1/app/3',
      pod: 'web-1',
      labels: {},
    })
  })

  test('is read from its files, and learns of pods', async () => {
    running = new RunningPipeline((folder) => ({ pods: { path: folder, from: 'beginning' } }))
    mkdirSync(running.path('shop_web-1_u1/app'), { recursive: true })
    const line = (tag: string, text: string) => `2016-10-06T00:17:09.669794202Z stdout ${tag} ${text}\n`
    writeFileSync(running.path('shop_web-1_u1/app/0.log'), line('P', 'one ') + line('F', 'two'))
    await running.start()
    expect(await running.untilLines(1)).toEqual(['one two'])
    expect(running.sink.lines()[0]!.time).toBe(1475713029669794202n)
    running.pipeline.updatePod('u1', { labels: { app: 'web' }, annotations: {}, owner: undefined })
    appendFileSync(running.path('shop_web-1_u1/app/0.log'), line('F', 'three'))
    await running.untilLines(2)
    expect(running.sink.batches.at(-1)!.origin).toMatchObject({ namespace: 'shop', pod: 'web-1', labels: { app: 'web' } })
  })

  test('a list of pods gives labels, annotations and owners, whatever else is in it', () => {
    const pod = (uid: string, kind: string, name: string) => ({
      metadata: {
        uid,
        labels: { 'pod-template-hash': 'abc' },
        annotations: { a: 'b', n: 5 },
        ownerReferences: [{ kind, name, controller: true }],
      },
    })
    const facts = readPodFacts({
      items: [pod('1', 'ReplicaSet', 'web-abc'), pod('2', 'StatefulSet', 'db'), null, {}, { metadata: { uid: 5 } }],
    })
    expect([...facts]).toEqual([
      ['1', { labels: { 'pod-template-hash': 'abc' }, annotations: { a: 'b' }, owner: { kind: 'Deployment', name: 'web' } }],
      ['2', { labels: { 'pod-template-hash': 'abc' }, annotations: { a: 'b' }, owner: { kind: 'StatefulSet', name: 'db' } }],
    ])
    expect(readPodFacts(null).size).toBe(0)
  })
})

describe('the journal', () => {
  /**
   * A program that stands for journalctl: tells entries behind the cursor that it is given, then waits. As the real one it follows from ten entries
   * before the end, and this boot alone, of which there is none, unless it is told otherwise.
   */
  const program = `#!/bin/sh
from=0 tail=10 merge=
for argument in "$@"; do case "$argument" in
  --after-cursor=*) from=\${argument#*i=}; from=$((0x\${from%%;*}));;
  --no-tail) tail=1000;;
  --merge) merge=yes;;
esac; done
[ -n "$merge" ] || exit 1
last=$(cat "$(dirname "$0")/count")
i=$((from+1))
[ $((last-from)) -le $tail ] || i=$((last-tail+1))
while [ $i -le $last ]; do
  printf '{"__CURSOR":"s=ab;i=%x;b=1;m=1;t=1;x=1","__REALTIME_TIMESTAMP":"1475713029669794","PRIORITY":"3","_SYSTEMD_UNIT":"ssh.service","MESSAGE":"entry %d"}\\n' $i $i
  i=$((i+1))
done
exec sleep 60
`

  test('is read through journalctl, and read on behind what was acknowledged', async () => {
    running = new RunningPipeline((folder) => ({
      journal: { units: [], command: join(folder, 'journalctl'), directory: undefined, from: 'beginning' },
    }))
    writeFileSync(running.path('journalctl'), program)
    chmodSync(running.path('journalctl'), 0o755)
    writeFileSync(running.path('count'), '20')
    await running.start()
    await running.untilLines(20)
    expect(running.sink.lines()[16]).toMatchObject({
      text: 'entry 17',
      id: 'journal-ab-h',
      origin: 'journal/ssh.service',
      level: 5,
      time: 1475713029669794000n,
    })
    await running.stop()
    writeFileSync(running.path('count'), '40')
    await running.start()
    expect((await running.untilLines(40)).slice(20)).toEqual(Array.from({ length: 20 }, (_, index) => `entry ${21 + index}`))
  })

  test('has entries that are whole and units that are not wanted; what is no text is left out with a count', async () => {
    const entry = (number: number, unit: string, message: string) =>
      `{"__CURSOR":"s=ab;i=${number.toString(16)};b=1","_SYSTEMD_UNIT":"${unit}","MESSAGE":"${message}"}`
    const match = { kinds: ['journal'], namespaces: [], pods: [], containers: [], images: [], ids: [], selector: undefined }
    const nothing = { drop: [], keep: [], sample: [], metrics: [] }
    running = new RunningPipeline((folder) => ({
      journal: { units: [], command: join(folder, 'journalctl'), directory: undefined, from: 'beginning' },
      rules: [
        { ...nothing, match, multiline: { start: '^never', timeoutMs: 60_000, maxLines: 500 } },
        { ...nothing, match: { ...match, containers: ['noise.*'] }, isExcluded: true },
      ],
    }))
    writeFileSync(running.path('before'), `${entry(1, 'a.service', 'one')}\n${entry(2, 'noise.service', 'no')}\n`)
    writeFileSync(running.path('after'), `\n${entry(4, 'a.service', 'two\\n  lines')}\n${entry(5, 'noise.service', 'no')}\n`)
    const long = 'head -c 9000000 /dev/zero | tr "\\0" x'
    writeFileSync(running.path('journalctl'), `#!/bin/sh\ncd "$(dirname "$0")"\ncat before\n${long}\ncat after\nexec sleep 60\n`, {
      mode: 0o755,
    })
    await running.start()
    expect(await running.untilLines(2)).toEqual(['one', 'two\n  lines'])
    expect(running.pipeline.status().total.lostBytes).toEqual({ unreadable: 9_000_000 })
  })

  test('that is not there is told once, and hurts nothing', async () => {
    const told: unknown[] = []
    const log = { ...silentLog, warn: (fields: object) => void told.push(fields) }
    running = new RunningPipeline(
      (folder) => ({ journal: { units: [], command: join(folder, 'none'), directory: undefined, from: 'end' } }),
      { log },
    )
    await running.start()
    await running.until(() => told.length > 0)
    expect(told).toMatchObject([{ reason: expect.stringContaining('ENOENT') as string }])
    expect(running.pipeline.status().problems).toEqual([expect.stringContaining('ENOENT')])
  })
})
