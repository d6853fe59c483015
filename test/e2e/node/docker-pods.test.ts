import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../../lib/pki.ts'
import type { KeyPair } from '../../../lib/pki.ts'
import { systemRandom } from '../../../lib/random.ts'
import { CoreV1ConfigMap, CoreV1Event, CoreV1Node, CoreV1Pod } from '../../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../../orchestrator/client/client.ts'
import { createFakeTransport } from '../../../orchestrator/client/fake-transport.ts'
import { createClient } from '../../../orchestrator/client/rest-client.ts'
import { createDockerRuntime, createNodeAgent, removeEverything } from '../../../orchestrator/node/app.ts'
import type { ContainerRuntime, NodeAgent } from '../../../orchestrator/node/app.ts'
import { describeContainerRuntime } from '../../../orchestrator/node/runtime/runtime.contract.ts'
import { startEngineProxy } from './engine-proxy.ts'
import type { EngineProxy } from './engine-proxy.ts'
import { importShellImage } from './shell-image.ts'

const run = promisify(execFile)
const dockerUrl = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock'
const clusterId = 'testd'
const image = 'binnacle-test/shell:node'
const network = { name: 'binnacle-testd', bridge: 'bnc-testd', subnet: '10.201.0.0/16', gateway: '10.201.0.1' }
const options = { url: dockerUrl, clock: systemClock, nodePath: process.execPath }

beforeAll(() => importShellImage(image))
afterAll(async () => {
  await removeEverything({ dockerUrl, clusterId, log: silentLog, clock: systemClock })
  await run('docker', ['-H', dockerUrl, 'rmi', '-f', image])
})

describeContainerRuntime('Docker', async () => {
  await importShellImage(image)
  const runtime = createDockerRuntime(options)
  return {
    runtime,
    owner: { clusterId, nodeName: 'contract' },
    network: { ...network, clusterId },
    ip: '10.201.9.9',
    image,
    settle: () => systemClock.sleep(20),
    dispose: () => runtime.close(),
  }
})

describe('a node on Docker', () => {
  let authority: KeyPair
  let admin: KeyPair
  let client: Client
  let runtime: ContainerRuntime
  let agent: NodeAgent
  let dataDir: string
  let proxy: EngineProxy

  async function startAgent(): Promise<NodeAgent> {
    const now = systemClock.now()
    const server = await issueCertificate(authority, {
      commonName: 'system:node:n1',
      organization: 'system:nodes',
      hosts: ['127.0.0.1'],
      isServer: true,
      now,
    })
    const next = createNodeAgent({
      client,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      nodeName: 'n1',
      runtime,
      dataDir,
      clusterId,
      addresses: [{ type: 'InternalIP', address: network.gateway }],
      podCidr: '10.201.1.0/24',
      clusterDns: ['10.96.0.10'],
      clusterDomain: 'cluster.local',
      network,
      server: { hosts: ['127.0.0.1', network.gateway], port: 0, tls: { ...server, clientCa: authority.cert } },
      stats: { summary: async () => ({}), metricsResource: async () => '', metricsCadvisor: async () => '' },
    })
    await next.start()
    return next
  }

  beforeAll(async () => {
    const now = systemClock.now()
    authority = await createAuthority('test', now)
    admin = await issueCertificate(authority, { commonName: 'admin', organization: 'system:masters', isClient: true, now })
    dataDir = await mkdtemp(join(tmpdir(), 'node-e2e-'))
    client = createClient(createFakeTransport({ clock: systemClock, random: systemRandom }))
    proxy = await startEngineProxy(dockerUrl)
    runtime = createDockerRuntime({ ...options, url: proxy.url })
    agent = await startAgent()
  })
  afterAll(async () => {
    await agent.stop()
    await removeEverything({ dockerUrl, clusterId, log: silentLog, clock: systemClock })
    await runtime.close()
    await proxy.stop()
    await rm(dataDir, { recursive: true })
  })

  const get = (name: string) => client.get(CoreV1Pod, { namespace: 'default', name })
  const create = (name: string, script: string, spec: object = {}, container: object = {}) =>
    client.create(CoreV1Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: 'n1',
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image, command: ['/bin/sh', '-c', script], ...container }],
        ...spec,
      },
    })
  const until = async (name: string, isTrue: (pod: CoreV1Pod) => boolean): Promise<CoreV1Pod> => {
    for (let turn = 0; turn < 1_500; turn++) {
      const pod = await get(name)
      if (isTrue(pod)) return pod
      await systemClock.sleep(20)
    }
    throw new Error(`pod ${name} did not get there: ${JSON.stringify((await get(name)).status)}`)
  }
  const isReady = (pod: CoreV1Pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  const stateOf = (pod: CoreV1Pod) => pod.status?.containerStatuses?.[0]
  const remove = async (name: string) => {
    await client.delete(CoreV1Pod, { namespace: 'default', name }, { gracePeriodSeconds: 1 })
    for (let turn = 0; turn < 500; turn++) {
      if (
        await get(name).then(
          () => false,
          () => true,
        )
      )
        return
      await systemClock.sleep(20)
    }
    throw new Error(`pod ${name} stayed`)
  }
  const nodeGet = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const request = httpsRequest({ host: '127.0.0.1', port: agent.port, path, ca: authority.cert, ...admin }, (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () => resolve(text))
      })
      request.on('error', reject)
      request.end()
    })
  const loop = 'while true; do sleep 1; done'

  it('is ready, with the engine it found', async () => {
    for (let turn = 0; turn < 250; turn++) {
      const node = await client.get(CoreV1Node, { name: 'n1' })
      if (node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) {
        expect(node.status.nodeInfo?.containerRuntimeVersion).toMatch(/^docker:\/\/\d+/)
        return
      }
      await systemClock.sleep(20)
    }
    throw new Error('the node did not get ready')
  })

  it('gives a pod an address, resolver, hosts file, environment, volumes and limits', async () => {
    await client.create(CoreV1ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'settings' },
      data: { greeting: 'hello' },
    })
    await create(
      'full',
      'cat /etc/resolv.conf; grep full /etc/hosts; echo "$GREETING $1 $POD_IP"; cat /config/greeting; echo; echo x > /scratch/x && echo written; id -u; echo last words > /dev/termination-log',
      {
        restartPolicy: 'Never',
        volumes: [
          { name: 'config', configMap: { name: 'settings' } },
          { name: 'scratch', emptyDir: { medium: 'Memory' } },
        ],
      },
      {
        args: ['sh', '$(GREETING)!'],
        env: [
          { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'settings', key: 'greeting' } } },
          { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        ],
        volumeMounts: [
          { name: 'config', mountPath: '/config' },
          { name: 'scratch', mountPath: '/scratch' },
        ],
        resources: { limits: { cpu: '100m', memory: '32Mi' } },
        securityContext: { runAsUser: 1234 },
      },
    )
    const pod = await until(
      'full',
      ({ status }) => status?.containerStatuses?.[0]?.state?.terminated?.message !== undefined && status.phase !== 'Running',
    )
    const log = await nodeGet('/containerLogs/default/full/main')
    expect(pod.status?.phase).toBe('Succeeded')
    expect(log).toContain('search default.svc.cluster.local svc.cluster.local cluster.local')
    expect(log).toContain('nameserver 10.96.0.10')
    expect(log).toContain(`${pod.status?.podIP}\tfull`)
    expect(log).toContain(`hello hello! ${pod.status?.podIP}\nhello\nwritten\n1234\n`)
    expect(stateOf(pod)?.state?.terminated?.message).toBe('last words\n')
    expect(pod.status?.podIP).toMatch(/^10\.201\.1\./)
    await remove('full')
    // A pod that has ended is forgotten by the API at once; the node cleans up after it.
    for (let turn = 0; turn < 250 && (await readdir(join(dataDir, 'pods'))).includes(pod.metadata.uid!); turn++) await systemClock.sleep(20)
    expect(await readdir(join(dataDir, 'pods'))).not.toContain(pod.metadata.uid)
  })

  it('limits a pod as a whole and weighs its class, in groups that go with it', async () => {
    const resources = { requests: { cpu: '50m' }, limits: { cpu: '200m', memory: '32Mi' } }
    await create('limited', loop, {}, { resources })
    const { metadata } = await until('limited', isReady)
    const burstable = `binnacle/${clusterId}/n1/burstable`
    const read = async (hierarchy: string, path: string) => (await readFile(join('/sys/fs/cgroup', hierarchy, path), 'utf8')).trim()
    const isV2 = (await readdir('/sys/fs/cgroup')).includes('cgroup.controllers')
    const pod = `${burstable}/pod${metadata.uid}`
    if (isV2) {
      expect(await read('', `${pod}/memory.max`)).toBe(String(32 * 1024 ** 2))
      expect(await read('', `${pod}/cpu.max`)).toBe('20000 100000')
    } else {
      expect(await read('memory', `${pod}/memory.limit_in_bytes`)).toBe(String(32 * 1024 ** 2))
      expect(await read('cpu', `${pod}/cpu.shares`)).toBe('51')
      expect(await read('cpu', `${pod}/cpu.cfs_quota_us`)).toBe('20000')
      expect(await read('cpu', `${burstable}/cpu.shares`)).toBe('51')
      expect(await read('cpu', `binnacle/${clusterId}/n1/besteffort/cpu.shares`)).toBe('2')
    }
    await remove('limited')
    await expect(readdir(join('/sys/fs/cgroup', isV2 ? '' : 'cpu', pod))).rejects.toThrow('ENOENT')
  })

  it('restarts what fails, keeps the log before, and tells it in events', async () => {
    await create('crash', 'echo attempt; exit 3')
    const pod = await until(
      'crash',
      (each) => stateOf(each)?.restartCount === 1 && stateOf(each)?.state?.waiting?.reason === 'CrashLoopBackOff',
    )
    expect(stateOf(pod)?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' })
    expect(await nodeGet('/containerLogs/default/crash/main?previous=true&tailLines=1')).toBe('attempt\n')
    const reasons = (await client.list(CoreV1Event, { namespace: 'default' })).items
      .filter(({ involvedObject }) => involvedObject.name === 'crash')
      .map(({ reason }) => reason)
    expect(reasons).toEqual(expect.arrayContaining(['Pulled', 'Created', 'Started', 'BackOff']))
    await remove('crash')
  })

  it('restarts a container that fails its liveness probe and is ready by its readiness probe', async () => {
    await create(
      'probed',
      `touch /tmp/alive; httpd -p 80 -h /www; sleep 3; rm /tmp/alive; ${loop}`,
      {},
      {
        readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
        livenessProbe: { exec: { command: ['cat', '/tmp/alive'] }, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1 },
      },
    )
    await until('probed', isReady)
    const pod = await until('probed', (each) => (stateOf(each)?.restartCount ?? 0) >= 1)
    expect(stateOf(pod)?.lastState?.terminated?.exitCode).toBeGreaterThan(0)
    await remove('probed')
  })

  it('runs commands in a pod with input, both outputs and an exit code', async () => {
    await create('shell', loop)
    await until('shell', isReady)
    const outputs = await new Promise<Record<number, string>>((resolve, reject) => {
      const query = ['sh', '-c', 'read word; echo "got $word"; echo bad >&2; exit 5']
        .map((word) => `command=${encodeURIComponent(word)}`)
        .join('&')
      const socket = new WebSocket(
        `wss://127.0.0.1:${agent.port}/exec/default/shell/main?${query}&stdin=1&stdout=1&stderr=1`,
        'v5.channel.k8s.io',
        { ca: authority.cert, ...admin },
      )
      const texts: Record<number, string> = { 1: '', 2: '', 3: '' }
      socket.on('error', reject)
      socket.on('open', () => socket.send(Buffer.concat([Buffer.from([0]), Buffer.from('hello\n')])))
      socket.on('message', (message: Buffer) => (texts[message[0]!] += message.toString('utf8', 1)))
      socket.on('close', () => resolve(texts))
    })
    expect(outputs[1]).toBe('got hello\n')
    expect(outputs[2]).toBe('bad\n')
    expect(JSON.parse(outputs[3]!)).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '5' }] },
    })
    const { containerID = '' } = stateOf(await get('shell'))!
    const id = containerID.replace('docker://', '')
    const run = (...command: readonly string[]) => runtime.execSync(id, command, 20_000)
    await expect(runtime.execSync(id, ['sleep', '777'], 300)).rejects.toThrow('command timed out: "sleep 777" timed out after 0.3s')
    // Nothing of it is left, and who closes its outputs is waited for.
    while ((await run('sh', '-c', "grep -l '[7]77' /proc/[0-9]*/cmdline")).output !== '') await systemClock.sleep(100)
    expect((await run('sh', '-c', 'exec >&- 2>&-; sleep 0.5; exit 6')).exitCode).toBe(6)
    await remove('shell')
  })

  it('forwards to a server that listens on loopback only', async () => {
    const ask = (port: number) =>
      new Promise<string>((resolve, reject) => {
        const path = `/portForward/default/loopback?ports=${port}`
        const socket = new WebSocket(`wss://127.0.0.1:${agent.port}${path}`, 'v4.channel.k8s.io', { ca: authority.cert, ...admin })
        let frames = 0
        let text = ''
        socket.on('error', reject)
        socket.on('message', (message: Buffer) => {
          frames++
          if (frames === 2) socket.send(Buffer.concat([Buffer.from([0]), Buffer.from('GET /index.html HTTP/1.0\r\n\r\n')]))
          if (frames > 2) text += `${message[0]} ${message.toString('utf8', 1)}`
        })
        socket.on('close', () => resolve(text))
      })
    await create('loopback', `httpd -p 127.0.0.1:7000 -h /www; ${loop}`)
    await until('loopback', isReady)
    expect(await ask(7000)).toMatch(/^0 HTTP\/1\.\d 200 OK[^]*hello\n$/)
    expect(await ask(7001)).toMatch(/^1 error forwarding port 7001 to pod loopback.*ECONNREFUSED/)
    await remove('loopback')
  })

  it('leaves containers running when it stops and finds them when it is back', async () => {
    await create('steady', loop)
    const before = await until('steady', isReady)
    await create('orphan', loop)
    await until('orphan', isReady)
    await agent.stop()
    await client.delete(CoreV1Pod, { namespace: 'default', name: 'orphan' }, { gracePeriodSeconds: 0 })
    agent = await startAgent()
    await systemClock.sleep(3_000)
    expect(stateOf(await get('steady'))).toEqual(stateOf(before))
    const { stdout } = await run('docker', [
      '-H',
      dockerUrl,
      'ps',
      '-a',
      '--format',
      '{{.Names}}',
      '--filter',
      `label=binnacle.cluster=${clusterId}`,
    ])
    expect(stdout).toContain('k8s_main_steady')
    expect(stdout).not.toContain('orphan')
    await remove('steady')
  })

  it('is not ready while the engine is gone, and knows the truth when it is back', async () => {
    const ready = async () => (await client.get(CoreV1Node, { name: 'n1' })).status?.conditions?.find(({ type }) => type === 'Ready')
    const becomes = async (status: string) => {
      for (let turn = 0; turn < 500 && (await ready())?.status !== status; turn++) await systemClock.sleep(20)
      return ready()
    }
    await create('witness', loop)
    const before = await until('witness', isReady)
    await proxy.cut()
    expect(await becomes('False')).toMatchObject({
      status: 'False',
      message: expect.stringContaining('container runtime is down: cannot reach the Docker engine'),
    })
    const { stdout } = await run('docker', [
      '-H',
      dockerUrl,
      'ps',
      '-q',
      '--filter',
      'label=io.kubernetes.pod.name=witness',
      '--filter',
      'label=io.kubernetes.docker.type=container',
    ])
    await run('docker', ['-H', dockerUrl, 'kill', stdout.trim()])
    expect(stateOf(await get('witness'))).toEqual(stateOf(before))
    await proxy.restore()
    expect(await becomes('True')).toMatchObject({ status: 'True' })
    const pod = await until('witness', (each) => stateOf(each)?.restartCount === 1)
    expect(stateOf(pod)?.lastState?.terminated).toMatchObject({ exitCode: 137 })
    await remove('witness')
  })

  it('tells why a pod cannot be had', async () => {
    await create('nopull', loop, {}, { image: 'registry.invalid/nothing:1' })
    await create('claim', loop, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] })
    const pod = await until('nopull', (each) => ['ErrImagePull', 'ImagePullBackOff'].includes(stateOf(each)?.state?.waiting?.reason ?? ''))
    expect(stateOf(pod)?.state?.waiting?.message).toContain('registry.invalid')
    for (let turn = 0; turn < 100; turn++) {
      const events = (await client.list(CoreV1Event, { namespace: 'default' })).items
      if (events.some(({ reason, message }) => reason === 'FailedMount' && message?.includes('persistentvolumeclaim "data"') === true))
        break
      await systemClock.sleep(50)
      if (turn === 99) throw new Error('no event about the claim')
    }
    await Promise.all([remove('nopull'), remove('claim')])
  })

  it('listens on the gateway of the pods too, once the bridge is there', async () => {
    const probe = createServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    expect((probe.address() as AddressInfo).port).not.toBe(agent.port)
    probe.close()
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpsRequest(
        { host: network.gateway, port: agent.port, path: '/healthz', rejectUnauthorized: false, ...admin },
        (response) => resolve(response.resume().statusCode),
      )
      request.on('error', reject)
      request.end()
    })
    expect(status).toBe(200)
  })
})
