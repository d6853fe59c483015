import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import { describeContainerRuntime } from '../runtime.contract.ts'
import { behaviourOf } from './load-model.ts'
import { linesOf } from './simulated-logs.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'

const network = { name: 'n', bridge: 'b', subnet: '10.1.0.0/16', gateway: '10.1.0.1', clusterId: 'c' }

describeContainerRuntime('the simulated runtime', async () => {
  const clock = new FakeClock()
  const runtime = new SimulatedRuntime({ clock, nodeName: 'n1', cpus: 4, memoryBytes: 8e9, architecture: 'amd64', startLatencyMs: 0 })
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
    ['web:1', {}, { cpuMillicores: 1, memoryBytes: 16 * 1024 ** 2 }],
    [
      'web:1',
      { 'binnacle.dev/simulated-cpu': '250m', 'binnacle.dev/simulated-memory': '64Mi' },
      { cpuMillicores: 250, memoryBytes: 64 * 1024 ** 2 },
    ],
    ['web:1', { 'binnacle.dev/simulated-cpu': 'nonsense' }, { cpuMillicores: 1, memoryBytes: 16 * 1024 ** 2 }],
    ['docker/whalesay', {}, { exit: { afterMs: 1000, code: 0 } }],
    ['web:1', { 'binnacle.dev/simulated-exit-after': '5s', 'binnacle.dev/simulated-exit-code': '3' }, { exit: { afterMs: 5000, code: 3 } }],
  ])('reads image %s and annotations %o', (image, annotations, expected) => {
    expect(behaviourOf(image, annotations as Record<string, string>)).toMatchObject(expected)
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
