import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CoreV1Container, CoreV1Pod } from '../../api/generated/kinds.ts'
import { classWeights, cpuWeightOf, createPodCgroups, killProcessesIn, podLimits } from './pod-cgroups.ts'
import { testContainer, testPod } from './pod-fixtures.ts'

type Resources = NonNullable<CoreV1Container['resources']>

const owner = { clusterId: 'c1', nodeName: 'n1' }

const podOf = (uid: string, ...resources: readonly Resources[]): CoreV1Pod =>
  testPod({ containers: resources.map((each, index) => testContainer(`c${index}`, { resources: each })) }, { uid })

describe('limits of a pod', () => {
  it.each<[string, CoreV1Pod, object]>([
    ['nothing asked for', podOf('u', {}), { cpuShares: 2 }],
    ['requests are summed up', podOf('u', { requests: { cpu: '100m' } }, { requests: { cpu: '400m' } }), { cpuShares: 512 }],
    [
      'limits of all containers',
      podOf('u', { limits: { cpu: '1', memory: '1Mi' } }, { limits: { cpu: '500m', memory: '2Mi' } }),
      { cpuShares: 1536, cpuQuotaMicroseconds: 150_000, cpuPeriodMicroseconds: 100_000, memoryBytes: 3 * 1024 ** 2 },
    ],
    [
      'what the pod asks for as a whole goes first',
      testPod({
        resources: { requests: { cpu: '250m' }, limits: { cpu: '2', memory: '4Mi' } },
        containers: [testContainer('a', { resources: { limits: { memory: '1Mi' } } }), testContainer('b')],
      }),
      { cpuShares: 256, cpuQuotaMicroseconds: 200_000, cpuPeriodMicroseconds: 100_000, memoryBytes: 4 * 1024 ** 2 },
    ],
    [
      'huge pages are limited to what is asked for',
      podOf('u', { limits: { 'hugepages-2Mi': '4Mi' } }, { limits: { 'hugepages-2Mi': '2Mi', 'hugepages-1Gi': '1Gi' } }),
      {
        cpuShares: 2,
        hugePageBytes: new Map([
          ['2MB', 6 * 1024 ** 2],
          ['1GB', 1024 ** 3],
        ]),
      },
    ],
    ['a limit that one container lacks is none', podOf('u', { limits: { memory: '1Mi' } }, {}), { cpuShares: 2 }],
  ])('%s', (_, pod, expected) => {
    expect(podLimits(pod)).toEqual(expected)
  })

  it('an init container runs alone, a sidecar beside all that follow', () => {
    const memory = (limit: string) => ({ resources: { limits: { memory: limit } } })
    const pod = testPod({
      initContainers: [testContainer('side', { ...memory('1Mi'), restartPolicy: 'Always' }), testContainer('init', memory('8Mi'))],
      containers: [testContainer('main', memory('2Mi'))],
    })
    expect(podLimits(pod).memoryBytes).toBe(9 * 1024 ** 2)
  })

  it('burstable pods weigh together what they ask for', () => {
    const weights = classWeights([
      podOf('a', { requests: { cpu: '250m' } }),
      podOf('b', { requests: { cpu: '750m' } }),
      podOf('c', { limits: { cpu: '4', memory: '1Mi' } }),
      podOf('d', {}),
    ])
    expect(weights).toEqual({ burstable: { cpuShares: 1024 }, besteffort: { cpuShares: 2 } })
  })

  it.each([
    [2, 1],
    [1024, 39],
    [262_144, 10_000],
  ])('%i shares are a weight of %i', (shares, weight) => {
    expect(cpuWeightOf(shares)).toBe(weight)
  })
})

describe('control groups of pods', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'pod-cgroups-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))
  const read = (path: string) => readFileSync(join(root, path), 'utf8')

  it('version 1: pod and class are made in each hierarchy', async () => {
    for (const hierarchy of ['cpu', 'cpuacct', 'memory']) mkdirSync(join(root, hierarchy))
    const pods = [
      podOf('other', { requests: { cpu: '1' } }),
      { ...podOf('done', { requests: { cpu: '1' } }), status: { phase: 'Succeeded' } },
    ]
    const cgroups = createPodCgroups({ root, pods: () => pods })
    await cgroups.make(owner, podOf('u1', { requests: { cpu: '500m' }, limits: { cpu: '1', memory: '64Mi' } }))
    const pod = 'binnacle/c1/n1/burstable/podu1'
    expect(read(`cpu/${pod}/cpu.shares`)).toBe('512')
    expect(read(`cpu/${pod}/cpu.cfs_quota_us`)).toBe('100000')
    expect(read(`cpu/${pod}/cpu.cfs_period_us`)).toBe('100000')
    expect(read(`memory/${pod}/memory.limit_in_bytes`)).toBe(String(64 * 1024 ** 2))
    expect(read('cpu/binnacle/c1/n1/burstable/cpu.shares')).toBe('1536')
    expect(read('cpu/binnacle/c1/n1/besteffort/cpu.shares')).toBe('2')
    expect(() => read(`cpuacct/${pod}`)).toThrow('EISDIR')
  })

  it('version 2: controllers are enabled from the top down, shares become weights', async () => {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu memory pids io\n')
    const cgroups = createPodCgroups({ root, pods: () => [] })
    await cgroups.make(owner, podOf('u1', { limits: { cpu: '500m', memory: '1Mi' } }))
    expect(read('binnacle/c1/n1/podu1/cpu.weight')).toBe('20')
    expect(read('binnacle/c1/n1/podu1/cpu.max')).toBe('50000 100000')
    expect(read('binnacle/c1/n1/podu1/memory.max')).toBe(String(1024 ** 2))
    for (const path of ['', 'binnacle/', 'binnacle/c1/', 'binnacle/c1/n1/']) expect(read(`${path}cgroup.subtree_control`)).toMatch(/^\+/)
  })

  it('where nothing can be written the caller is told', async () => {
    await expect(createPodCgroups({ root: join(root, 'absent'), pods: () => [] }).make(owner, podOf('u1', {}))).rejects.toThrow('ENOENT')
  })

  it('removes empty groups and leaves files alone', async () => {
    mkdirSync(join(root, 'cpu/binnacle/c1/n1/podu1/inner'), { recursive: true })
    mkdirSync(join(root, 'cpu/binnacle/c1/n1/podu2'), { recursive: true })
    writeFileSync(join(root, 'cpu/binnacle/c1/n1/podu2/held'), '')
    const cgroups = createPodCgroups({ root, pods: () => [] })
    await cgroups.remove('/binnacle/c1/n1/podu1')
    await cgroups.remove('/binnacle/c1/n1/podu2')
    await cgroups.remove(undefined)
    expect(() => read('cpu/binnacle/c1/n1/podu1')).toThrow('ENOENT')
    expect(read('cpu/binnacle/c1/n1/podu2/held')).toBe('')
  })

  it('ends what runs in a group, whatever it is under', async () => {
    const processes = ['cpu/binnacle/c1/n1/podu1/inner', 'memory/binnacle/c1', 'cpu/binnacle/c2'].map((path) => {
      const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
      mkdirSync(join(root, path), { recursive: true })
      writeFileSync(join(root, path, 'cgroup.procs'), `${child.pid}\n`)
      return child
    })
    const [first, second, other] = processes as [(typeof processes)[0], (typeof processes)[0], (typeof processes)[0]]
    try {
      const ends = Promise.all([first, second].map((child) => once(child, 'exit')))
      expect(await killProcessesIn(root, '/binnacle/c1')).toBe(2)
      expect(await ends).toEqual([
        [null, 'SIGKILL'],
        [null, 'SIGKILL'],
      ])
      expect(other.exitCode ?? other.signalCode).toBeNull()
    } finally {
      for (const child of processes) child.kill('SIGKILL')
    }
  })
})
