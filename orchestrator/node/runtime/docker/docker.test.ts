import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeObserved } from '../merge-observed.ts'
import type { SandboxConfig } from '../runtime.ts'
import { bindOptions, sandboxOptions } from './docker-create.ts'
import { connectToDocker, parseDockerUrl } from './docker-engine.ts'
import { factsOfEvent, jsonLines } from './docker-events.ts'
import { withTag } from './docker-images.ts'
import { dockerName, identityOf, sandboxLabels } from './docker-labels.ts'
import { Demultiplexer, splitOutput } from './docker-streams.ts'
import { pauseProgram } from './pause-program.ts'
import { createTar } from './tar.ts'

const pod = { namespace: 'default', name: 'web', uid: 'u1' }
const sandbox: SandboxConfig = {
  owner: { clusterId: 'c1', nodeName: 'n1' },
  pod,
  attempt: 2,
  hostname: 'web',
  network: { kind: 'pod', networkName: 'net', ip: '10.0.0.5' },
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
  dns: { nameservers: ['10.96.0.10'], searches: ['a'], options: ['ndots:5'] },
  graceSeconds: 30,
  usesHostIpc: false,
  usesHostPid: false,
  annotations: {},
}
const observed = { id: 'a', kind: 'container' as const, pod, name: 'c', attempt: 0, image: 'i', imageId: 'sha256:1', createdAtMs: 5 }
const frame = (stream: number, text: string) => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

describe('Docker names and labels', () => {
  it('tell pod, container and attempt', () => {
    expect(dockerName(pod, 'c', 1)).toBe('k8s_c_web_default_u1_1')
    expect(identityOf(sandboxLabels(sandbox))).toEqual({ kind: 'sandbox', pod, name: 'POD', attempt: 2, ip: '10.0.0.5', graceSeconds: 30 })
    expect(identityOf({ 'com.example': 'x' })).toBeUndefined()
  })

  it('come with address, ports and resolver of the sandbox', () => {
    expect(sandboxOptions(sandbox, 'pause', -1000)).toMatchObject({
      HostConfig: {
        NetworkMode: 'net',
        PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
        Dns: ['10.96.0.10'],
        OomScoreAdj: -998,
      },
      NetworkingConfig: { EndpointsConfig: { net: { IPAMConfig: { IPv4Address: '10.0.0.5' } } } },
    })
    expect(sandboxOptions({ ...sandbox, network: { kind: 'host' } }, 'pause', 0)).toMatchObject({
      HostConfig: { NetworkMode: 'host', OomScoreAdj: 0 },
    })
  })
})

describe('Docker addresses', () => {
  it.each([
    ['unix:///run/d.sock', { socketPath: '/run/d.sock' }],
    ['tcp://10.0.0.1:2375', { host: '10.0.0.1', port: 2375 }],
    ['http://[::1]:80', { host: '::1', port: 80 }],
    ['tcp://docker', { host: 'docker', port: 2375 }],
  ])('%s', (url, expected) => expect(parseDockerUrl(url)).toEqual(expected))

  it.each(['', 'docker', 'unix://x', 'ssh://host', 'tcp://a b'])('"%s" is refused by name', (url) => {
    expect(() => parseDockerUrl(url)).toThrow(`docker host "${url}"`)
  })

  it.each([
    ['busybox', 'busybox:latest'],
    ['a/b:1', 'a/b:1'],
    ['host:5000/a', 'host:5000/a:latest'],
    ['a@sha256:1', 'a@sha256:1'],
  ])('image %s is pulled as %s', (image, pulled) => {
    expect(withTag(image)).toBe(pulled)
  })

  it('a connection to an engine is not written out with each request', () => {
    const { agent } = connectToDocker('unix:///nowhere.sock').modem as { agent?: object }
    expect(inspect({ agent }, { showHidden: true, depth: null })).toBe('{ agent: connections to the engine }')
  })
})

describe('Docker events', () => {
  const Attributes = { ...sandboxLabels(sandbox), exitCode: '3' }
  it.each([
    ['create', { observed: { state: 'created' } }],
    ['start', { observed: { state: 'running', startedAtMs: 7_000 } }],
    ['die', { observed: { state: 'exited', exitCode: 3, finishedAtMs: 7_000 } }],
    ['oom', { observed: { isOomKilled: true } }],
    ['destroy', { removed: { id: 'x' } }],
  ])('%s', (Action, expected) => {
    expect(factsOfEvent({ Type: 'container', Action, timeNano: 7e9, Actor: { ID: 'x', Attributes } })).toMatchObject(expected)
  })

  it('of others say nothing', () => {
    expect(factsOfEvent({ Action: 'start', Actor: { ID: 'x', Attributes: {} } })).toBeUndefined()
  })

  it('are read line by line however they are cut', async () => {
    const stream = new PassThrough()
    for (const part of ['{"a":', '1}\n{"a":2}', '\n', '{"a":3}\n']) stream.write(part)
    stream.end()
    const read: unknown[] = []
    for await (const line of jsonLines(stream)) read.push(line)
    expect(read).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
  })

  it('make states that only go forward, in whatever order they come', () => {
    const states = [
      { ...observed, state: 'created' as const },
      { ...observed, state: 'running' as const, startedAtMs: 6 },
      { ...observed, state: 'running' as const, isOomKilled: true },
      { ...observed, state: 'exited' as const, exitCode: 137, finishedAtMs: 9 },
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray(states, { minLength: 4 }), (order) => {
        const merged = order.reduce<ReturnType<typeof mergeObserved> | undefined>(mergeObserved, undefined)
        expect(merged).toEqual({ ...observed, state: 'exited', startedAtMs: 6, isOomKilled: true, exitCode: 137, finishedAtMs: 9 })
      }),
    )
  })
})

describe('Docker streams', () => {
  it('are taken apart however they are cut', () => {
    const wire = Buffer.concat([frame(1, 'out'), frame(2, ''), frame(2, 'err'), frame(1, 'more')])
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), (size) => {
        const texts = ['', '', '']
        const demultiplexer = new Demultiplexer((stream, piece) => (texts[stream] += piece.toString()))
        for (let offset = 0; offset < wire.length; offset += size) demultiplexer.push(wire.subarray(offset, offset + size))
        expect(texts).toEqual(['', 'outmore', 'err'])
      }),
    )
  })

  it('wait while a side is full', async () => {
    const source = new PassThrough()
    const { stdout } = splitOutput(source)
    for (let count = 0; count < 100; count++) source.write(frame(1, 'x'.repeat(10_000)))
    for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve))
    expect(stdout.readableLength).toBeLessThan(200_000)
  })
})

describe('the sandbox image', () => {
  it.each([
    ['amd64', 62],
    ['arm64', 183],
  ])('has an ELF program for %s', (architecture, machine) => {
    const program = pauseProgram(architecture)
    expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
    expect(program.readUInt16LE(18)).toBe(machine)
    expect(program.readBigUInt64LE(96)).toBe(BigInt(program.length))
  })

  it('is not made for a machine that nobody knows', () => {
    expect(() => pauseProgram('riscv64')).toThrow('known are amd64, arm64')
  })

  it('lies in an archive with right checksums', () => {
    const tar = createTar([{ path: 'pause', mode: 0o755, content: Buffer.from('x') }])
    expect(tar.length).toBe(512 * 4)
    const header = Buffer.from(tar.subarray(0, 512))
    const told = parseInt(header.toString('latin1', 148, 154), 8)
    header.fill(' ', 148, 156)
    expect(header.reduce((sum, byte) => sum + byte, 0)).toBe(told)
  })
})

it.each([
  [{ isReadOnly: false }, {}],
  [{ isReadOnly: true }, { ReadOnlyNonRecursive: true }],
  [{ isReadOnly: true, isRecursivelyReadOnly: true }, { ReadOnlyForceRecursive: true }],
  [{ isReadOnly: false, propagation: 'rslave' as const }, { Propagation: 'rslave' }],
])('a mount %o is asked for with %o', (mount, options) => {
  expect(bindOptions(mount)).toEqual(options)
})
