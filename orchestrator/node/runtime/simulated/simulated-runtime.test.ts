import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import { describeContainerRuntime } from '../runtime.contract.ts'
import type { ContainerConfig } from '../runtime.ts'
import { LoadGroups } from './load-group.ts'
import { behaviourOf, exitOf } from './load-model.ts'
import { linesOf } from './simulated-logs.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { parseTrace } from './traces.ts'

const network = { name: 'n', bridge: 'b', subnet: '10.1.0.0/16', gateway: '10.1.0.1', clusterId: 'c' }

const createRuntime = (clock: FakeClock, nodeName: string, groups = new LoadGroups()) =>
  new SimulatedRuntime({
    clock,
    nodeName,
    cpus: 4,
    memoryBytes: 8e9,
    architecture: 'amd64',
    startLatencyMs: 0,
    groups,
    traces: new Map([['busy', parseTrace('busy', 'seconds,cpu,memory\n0,100m,1Mi\n10,900m,2Mi\n20,0,0\n')]]),
  })

/** Starts a container whose pod has these annotations and answers its id. */
async function start(runtime: SimulatedRuntime, name: string, annotations: Record<string, string>): Promise<string> {
  const pod = { namespace: 'default', name, uid: name }
  const owner = { clusterId: 'c', nodeName: 'n1' }
  const config = { owner, pod, name: 'main', attempt: 0, image: 'web:1', imageId: '', sandboxId: 's', graceSeconds: 5, annotations }
  const { id } = await runtime.createContainer(config as unknown as ContainerConfig)
  await runtime.startContainer(id)
  return id
}

describeContainerRuntime('the simulated runtime', async () => {
  const clock = new FakeClock()
  const runtime = createRuntime(clock, 'n1')
  return {
    runtime,
    owner: { clusterId: 'c', nodeName: 'n1' },
    network,
    ip: '10.1.0.5',
    image: 'web:1',
    settle: () => clock.settle(),
    dispose: () => runtime.close(),
  }
})

describe('the load model', () => {
  it.each([
    ['web:1', {}, { startDelayMs: 0, stopDelayMs: 0, failureShare: 0 }],
    ['docker/whalesay', {}, { exit: { afterMs: 1000, code: 0 } }],
    ['web:1', { 'binnacle.dev/simulated-exit-after': '5s', 'binnacle.dev/simulated-exit-code': '3' }, { exit: { afterMs: 5000, code: 3 } }],
    [
      'web:1',
      { 'binnacle.dev/simulated-start-delay': '2s', 'binnacle.dev/simulated-stop-delay': '1m' },
      { startDelayMs: 2000, stopDelayMs: 60_000 },
    ],
    ['fails:2', { 'binnacle.dev/simulated-exit-after': '9s' }, { exit: { afterMs: 9000, code: 1 } }],
  ])('reads image %s and annotations %o', (image, annotations, expected) => {
    expect(behaviourOf(image, annotations as Record<string, string>)).toMatchObject(expected)
  })

  it('is 1m and 16Mi where nothing is said, and otherwise what is said', () => {
    const behaviour = behaviourOf('web:1', {})
    expect([behaviour.cpu.at(5), behaviour.memory.at(5)]).toEqual([1, 16 * 1024 ** 2])
    const said = behaviourOf('web:1', { 'binnacle.dev/simulated-cpu': '100m 30s 1', 'binnacle.dev/simulated-memory': '64Mi' })
    expect([said.cpu.at(29_000), said.cpu.at(30_000), said.memory.at(0)]).toEqual([100, 1000, 64 * 1024 ** 2])
  })

  it.each([
    ['binnacle.dev/simulated-cpu', 'nonsense'],
    ['binnacle.dev/simulated-cpu', 'trace absent'],
    ['binnacle.dev/simulated-memory', '-1Mi'],
    ['binnacle.dev/simulated-exit-after', 'soon'],
    ['binnacle.dev/simulated-exit-code', '256'],
    ['binnacle.dev/simulated-failure-share', '2'],
  ])('says what %s can be when it is %j', (name, value) => {
    expect(() => behaviourOf('web:1', { [name]: value })).toThrow(`annotation ${name}: ${JSON.stringify(value)} is not one of: `)
  })

  it('lets the share of starts fail that is wanted', () => {
    const behaviour = behaviourOf('web:1', { 'binnacle.dev/simulated-failure-share': '0.25' })
    expect(exitOf(behaviour, 0.24)).toEqual({ afterMs: 1000, code: 1 })
    expect(exitOf(behaviour, 0.25)).toBeUndefined()
  })

  it('spreads the load of a group over those that run, on whichever node', async () => {
    const clock = new FakeClock()
    const groups = new LoadGroups()
    const nodes = [createRuntime(clock, 'n1', groups), createRuntime(clock, 'n2', groups)]
    const annotations = { 'binnacle.dev/simulated-cpu': '1', 'binnacle.dev/simulated-load-group': 'web' }
    const cpuSeconds = () => nodes.map((node) => (node.usage().pods[0]?.containers[0]?.cpuNanoseconds ?? 0) / 1e9)
    const first = await start(nodes[0]!, 'a', annotations)
    await clock.advance(10_000)
    expect(cpuSeconds()).toEqual([10, 0])
    await start(nodes[1]!, 'b', annotations)
    await clock.advance(10_000)
    expect(cpuSeconds()).toEqual([15, 5])
    await nodes[0]!.stopContainer(first, 5)
    await clock.advance(10_000)
    expect(cpuSeconds()).toEqual([0, 15])
  })

  it('plays a trace again and again', async () => {
    const clock = new FakeClock()
    const runtime = createRuntime(clock, 'n1')
    await start(runtime, 'a', { 'binnacle.dev/simulated-cpu': 'trace busy', 'binnacle.dev/simulated-memory': 'trace busy' })
    await clock.advance(45_000)
    const [container] = runtime.usage().pods[0]!.containers
    expect(container).toMatchObject({ cpuNanoseconds: 20.5e9, workingSetBytes: 1024 ** 2 })
  })

  it('takes as long to start and to stop as is wanted, but not longer than the grace', async () => {
    const clock = new FakeClock()
    const runtime = createRuntime(clock, 'n1')
    const starting = start(runtime, 'a', { 'binnacle.dev/simulated-start-delay': '3s', 'binnacle.dev/simulated-stop-delay': '1m' })
    await clock.advance(3000)
    const id = await starting
    const state = async () => (await runtime.list({ clusterId: 'c', nodeName: 'n1' }))[0]
    expect(await state()).toMatchObject({ state: 'running' })
    const stopping = runtime.stopContainer(id, 5)
    await clock.advance(4900)
    expect(await state()).toMatchObject({ state: 'running' })
    await clock.advance(100)
    await stopping
    expect(await state()).toMatchObject({ state: 'exited', exitCode: 137 })
  })

  it('makes the same log at every look', () => {
    const container = {
      id: 'x',
      kind: 'container' as const,
      pod: { namespace: 'd', name: 'p', uid: 'u' },
      name: 'c',
      attempt: 0,
      image: 'i',
      imageId: '',
      state: 'running' as const,
      createdAtMs: 0,
      startedAtMs: 0,
    }
    const early = linesOf(container, 25_000)
    expect(early.map(({ atMs }) => atMs)).toEqual([0, 10_000, 20_000])
    expect(linesOf(container, 45_000).slice(0, 3)).toEqual(early)
  })
})

describe('a trace', () => {
  it.each([
    ['', 'line 1: "seconds,cpu,memory" is expected'],
    ['seconds,cpu,memory\n0,1,1', 'two rows are needed'],
    ['seconds,cpu,memory\n0,1,1\n5,much,1', 'line 3: "5,much,1" is not like'],
    ['seconds,cpu,memory\n0,1,1\n0,1,1', 'line 3: seconds begin with 0 and grow'],
    ['seconds,cpu,memory\n1,1,1\n2,1,1', 'line 2: seconds begin with 0 and grow'],
  ])('%j is refused with its line', (text, message) => expect(() => parseTrace('t.csv', text)).toThrow(message))
})
