import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerConfig, ContainerRuntime, NetworkConfig, ObservedContainer, Owner, RuntimeChange, SandboxConfig } from './runtime.ts'

/** What a runtime under test is run with. */
export interface RuntimeUnderTest {
  readonly runtime: ContainerRuntime
  readonly owner: Owner
  readonly network: NetworkConfig
  /** A free address of the network. */
  readonly ip: string
  /** An image that the runtime has, with a shell where it runs real processes. */
  readonly image: string
  /** Lets time pass for runtimes that have a clock of their own. */
  settle(): Promise<void>
  dispose(): Promise<void>
}

/** What every `ContainerRuntime` promises. `make` is called once. */
export function describeContainerRuntime(name: string, make: () => Promise<RuntimeUnderTest>): void {
  describe(`${name} as a container runtime`, () => {
    let under: RuntimeUnderTest
    let sandbox: ObservedContainer
    let container: ObservedContainer
    const changes: RuntimeChange[] = []
    const abort = new AbortController()
    let watching: Promise<void>

    beforeAll(async () => {
      under = await make()
      await under.runtime.prepare(under.owner, under.network)
    })
    afterAll(async () => {
      abort.abort()
      await watching
      await under.dispose()
    })

    const until = async (isThere: (change: RuntimeChange) => boolean) => {
      for (let turn = 0; turn < 500 && !changes.some(isThere); turn++) await under.settle()
      expect(changes.some(isThere)).toBe(true)
    }

    it('says what it is', async () => {
      const info = await under.runtime.info()
      expect(['amd64', 'arm64']).toContain(info.architecture)
      expect(info.cpus).toBeGreaterThan(0)
    })

    it('begins a watch with a snapshot', async () => {
      expect(changes).toEqual([])
      watching = (async () => {
        for await (const change of under.runtime.watch(under.owner, abort.signal)) changes.push(change)
      })()
      await until((change) => change.type === 'snapshot' && change.containers.length === 0)
    })

    it('starts a sandbox with the address it is given', async () => {
      sandbox = await under.runtime.createSandbox(sandboxConfig(under))
      expect(sandbox).toMatchObject({ kind: 'sandbox', name: 'POD', state: 'running', ip: under.ip, pod: pod })
    })

    it('creates a container without starting it, then starts it', async () => {
      container = await under.runtime.createContainer(await containerConfig(under, sandbox.id))
      expect(container).toMatchObject({ kind: 'container', name: 'main', state: 'created', attempt: 0, sandboxId: sandbox.id })
      const started = await under.runtime.startContainer(container.id)
      expect(started).toMatchObject({ id: container.id, state: 'running' })
      expect(started.startedAtMs).toBeGreaterThan(0)
      await until((change) => change.type === 'changed' && change.container.id === container.id && change.container.state === 'running')
    })

    it('lists what it runs, and only what belongs to the owner', async () => {
      const all = await under.runtime.list(under.owner)
      expect(all.map(({ id }) => id).sort()).toEqual([sandbox.id, container.id].sort())
      expect(all.find(({ id }) => id === container.id)).toMatchObject({ image: under.image, graceSeconds: 5, pod })
      expect(await under.runtime.list({ ...under.owner, nodeName: 'somebody-else' })).toEqual([])
    })

    it('gives the log of a container as lines', async () => {
      const stream = await under.runtime.logs(container.id, { follow: false, timestamps: true }, new AbortController().signal)
      let text = ''
      for await (const chunk of stream) text += String(chunk)
      for (const line of text.split('\n').filter((each) => each !== '')) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\S+Z /)
    })

    it('stops a container and tells its exit', async () => {
      await under.runtime.stopContainer(container.id, 1)
      await until((change) => change.type === 'changed' && change.container.id === container.id && change.container.state === 'exited')
      const exited = (await under.runtime.list(under.owner)).find(({ id }) => id === container.id)
      expect(exited).toMatchObject({ state: 'exited' })
      expect(exited?.exitCode).toBeTypeOf('number')
      expect(exited?.finishedAtMs).toBeGreaterThan(0)
    })

    it('finds it no fault to stop or remove what is gone', async () => {
      await under.runtime.removeContainer(container.id)
      await until((change) => change.type === 'removed' && change.id === container.id)
      await under.runtime.removeContainer(container.id)
      await under.runtime.stopContainer(container.id, 0)
      await under.runtime.removeSandbox(sandbox.id)
      await under.runtime.removeSandbox(sandbox.id)
      expect(await under.runtime.list(under.owner)).toEqual([])
    })

    it('knows which images it has', async () => {
      expect(await under.runtime.images.inspect(under.image)).toMatchObject({ id: expect.stringMatching(/^sha256:/) })
      expect(await under.runtime.images.inspect('example.invalid/missing:1')).toBeUndefined()
    })
  })
}

const pod = { namespace: 'default', name: 'web', uid: '6f0e1d2c-0000-4000-8000-000000000001' }

function sandboxConfig({ owner, network, ip }: RuntimeUnderTest): SandboxConfig {
  return {
    owner,
    pod,
    attempt: 0,
    hostname: 'web',
    network: { kind: 'pod', networkName: network.name, ip },
    portMappings: [],
    dns: { nameservers: [], searches: [], options: [] },
    graceSeconds: 5,
    usesHostIpc: false,
    usesHostPid: false,
    annotations: {},
  }
}

async function containerConfig({ owner, image, runtime }: RuntimeUnderTest, sandboxId: string): Promise<ContainerConfig> {
  return {
    owner,
    pod,
    name: 'main',
    attempt: 0,
    sandboxId,
    imageId: (await runtime.images.inspect(image))!.id,
    image,
    command: ['/bin/sh', '-c', 'echo one; echo two >&2; while true; do sleep 1; done'],
    environment: [],
    tty: false,
    stdin: false,
    stdinOnce: false,
    mounts: [],
    devices: [],
    resources: { cpuShares: 2, oomScoreAdjust: 1000 },
    security: {
      isPrivileged: false,
      addedCapabilities: [],
      droppedCapabilities: [],
      hasReadOnlyRoot: false,
      forbidsNewPrivileges: false,
      supplementalGroups: [],
    },
    graceSeconds: 5,
    pidNamespace: 'own',
    usesHostIpc: false,
    usesHostNetwork: false,
    annotations: {},
  }
}
