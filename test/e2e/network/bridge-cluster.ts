import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import { buildExampleImages } from '../../../examples/images/build.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { systemRandom } from '../../../lib/random.ts'
import { CoreV1Node, CoreV1Service, DiscoveryV1EndpointSlice } from '../../../orchestrator/api/generated/kinds.ts'
import { isAlreadyExists } from '../../../orchestrator/api/status-error.ts'
import { createFakeTransport } from '../../../orchestrator/client/fake-transport.ts'
import { createInformerFactory } from '../../../orchestrator/client/informer-factory.ts'
import { createClient } from '../../../orchestrator/client/rest-client.ts'
import type { Client } from '../../../orchestrator/client/client.ts'
import { createNodeNetwork } from '../../../orchestrator/network/app.ts'
import type { NodeNetwork } from '../../../orchestrator/network/app.ts'
import { removeNetworkRules } from '../../../orchestrator/network/removal.ts'

export const run = promisify(execFile)

export const clusterId = 'e2enet01'
export const table = `binnacle-${clusterId}`
const bridge = `bnc-${clusterId}`
export const gateway = '10.202.0.1'
export const serviceCidr = '10.202.128.0/17'
export const clusterDns = '10.202.128.10'
const podSubnet = '10.202.0.0/17'
const image = 'jonbaier/pod-scaling:0.1'

/** A container that stands for a pod: a web server whose `/json` names it. */
export interface TestPod {
  readonly name: string
  readonly address: string
  /** Runs a shell line in it; standard output, or the error's. */
  sh(line: string): Promise<string>
}

/** A pod network on a real Docker bridge with the real rules, over an API in memory. */
export interface BridgeCluster {
  readonly client: Client
  readonly network: NodeNetwork
  /** What the API proxy leads to says this. */
  readonly apiText: string
  pod(name: string): Promise<TestPod>
  service(name: string, spec: Partial<CoreV1Service['spec']> & { readonly clusterIP: string }): Promise<void>
  /** Replaces the endpoints of a service's port 80. */
  endpoints(name: string, pods: readonly { readonly pod: TestPod; readonly ready?: boolean }[]): Promise<void>
  /** Stops the network and starts another over the same API, as a new process would. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts it; containers, bridge, rules and routes of an earlier run that broke off are removed first. */
export async function startBridgeCluster(): Promise<BridgeCluster> {
  const docker = new Docker()
  await removeEverything(docker)
  await buildExampleImages({ docker, log: silentLog, only: [image] })
  await docker.createNetwork({
    Name: table,
    IPAM: { Config: [{ Subnet: podSubnet, Gateway: gateway }] },
    Options: { 'com.docker.network.bridge.name': bridge },
  })
  const folder = await mkdtemp(join(tmpdir(), 'binnacle-e2e-network-'))
  const resolvConf = join(folder, 'resolv.conf')
  await writeFile(
    resolvConf,
    `nameserver ${clusterDns}\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n`,
  )

  const apiText = 'this is the API server\n'
  const api = createServer((request, response) => void request.resume().on('end', () => response.end(apiText)))
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))

  const transport = createFakeTransport({ clock: systemClock, random: systemRandom })
  const client = createClient(transport)
  const abort = new AbortController()
  let running = new AbortController()
  let network = start()

  function start(): NodeNetwork {
    running = new AbortController()
    const informers = createInformerFactory({ client, clock: systemClock, log: silentLog })
    const started = createNodeNetwork({
      client,
      informers,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      clusterId,
      nodeName: 'node-1',
      nodeIp: gateway,
      podSubnet,
      serviceCidr,
      gateway,
      clusterDns,
      clusterDomain: 'cluster.local',
      apiServer: { host: '127.0.0.1', port: (api.address() as AddressInfo).port },
      apiProxyPort: 6443,
      upstreamResolvers: [],
    })
    started.start()
    void informers.run(AbortSignal.any([abort.signal, running.signal]))
    return started
  }

  const service: BridgeCluster['service'] = async (name, spec) => {
    const object = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: name === 'kube-dns' ? 'kube-system' : 'default' },
      spec: { clusterIPs: [spec.clusterIP], ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    }
    await client.create(CoreV1Service, object)
  }
  await client.create(CoreV1Node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address: gateway }] },
  })
  await service('kube-dns', {
    clusterIP: clusterDns,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  })
  await service('kubernetes', { clusterIP: '10.202.128.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] })
  // The API server writes where it answers; here nothing but the proxy of the host stands for it.
  await client.create(DiscoveryV1EndpointSlice, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'default', name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
    endpoints: [{ addresses: [gateway], conditions: { ready: true } }],
  })

  return {
    client,
    apiText,
    get network() {
      return network
    },
    pod: (name) => startPod(docker, name, resolvConf),
    service,
    async endpoints(name, pods) {
      const key = { namespace: 'default', name }
      const slice: DiscoveryV1EndpointSlice = {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...key, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports: [{ port: 80, protocol: 'TCP' }],
        endpoints: pods.map(({ pod, ready = true }) => ({ addresses: [pod.address], conditions: { ready }, nodeName: 'node-1' })),
      }
      try {
        await client.create(DiscoveryV1EndpointSlice, slice)
      } catch (error) {
        if (!isAlreadyExists(error)) throw error
        const present = await client.get(DiscoveryV1EndpointSlice, key)
        await client.update(DiscoveryV1EndpointSlice, { ...slice, metadata: present.metadata })
      }
    },
    async restart() {
      running.abort()
      await network.stop()
      network = start()
    },
    async stop() {
      abort.abort()
      await network.stop()
      await removeEverything(docker)
      await new Promise((resolve) => api.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function startPod(docker: Docker, name: string, resolvConf: string): Promise<TestPod> {
  const container = await docker.createContainer({
    name: `${clusterId}-${name}`,
    Hostname: name,
    Image: image,
    Env: ['CPU_MS_PER_PAGE=0'],
    Labels: { 'binnacle.cluster': clusterId },
    HostConfig: { NetworkMode: table, Binds: [`${resolvConf}:/etc/resolv.conf:ro`] },
  })
  await container.start()
  const address = (await container.inspect()).NetworkSettings.Networks[table]!.IPAddress
  await until(async () => (await fetchText(`http://${address}/healthz`)) === 'ok\n')
  return {
    name,
    address,
    async sh(line) {
      try {
        return (await run('docker', ['exec', `${clusterId}-${name}`, 'sh', '-c', line])).stdout
      } catch (error) {
        return (error as { readonly stderr: string }).stderr
      }
    },
  }
}

async function removeEverything(docker: Docker): Promise<void> {
  for (const { Id } of await docker.listContainers({ all: true, filters: { label: [`binnacle.cluster=${clusterId}`] } })) {
    await docker.getContainer(Id).remove({ force: true })
  }
  await removeNetworkRules({ clusterId, log: silentLog })
  await docker
    .getNetwork(table)
    .remove()
    .catch(() => undefined)
}

/** The body of a GET over a connection of its own; the error's code where there is none. */
export async function fetchText(url: string): Promise<string> {
  try {
    const response = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(2_000) })
    return await response.text()
  } catch (error) {
    const { cause, name } = error as { readonly cause?: { readonly code?: string }; readonly name: string }
    return cause?.code ?? name
  }
}

/** Waits until the condition holds; fails after ten seconds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true within 10 s')
    await systemClock.sleep(50)
  }
}

/** How often each pod answered `count` requests to `address`, sent from this host. */
export async function countAnswers(url: string, count: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const name = nameIn(await fetchText(url))
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** The pod's name in its answer, or the answer where it is something else. */
export function nameIn(answer: string): string {
  return /"Container host name":"([^"]+)"/.exec(answer)?.[1] ?? answer
}
