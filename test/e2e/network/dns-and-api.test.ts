import { Resolver } from 'node:dns/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusterDns, fetchText, startBridgeCluster, until } from './bridge-cluster.ts'
import type { BridgeCluster, TestPod } from './bridge-cluster.ts'

let cluster: BridgeCluster
let client: TestPod
let server: TestPod

beforeAll(async () => {
  cluster = await startBridgeCluster()
  ;[client, server] = await Promise.all([cluster.pod('client'), cluster.pod('server')])
  await cluster.service('web', { clusterIP: '10.202.129.1' })
  await cluster.endpoints('web', [{ pod: server }])
  await cluster.service('headless', { clusterIP: 'None', clusterIPs: ['None'] })
  await cluster.endpoints('headless', [{ pod: server }, { pod: client }])
  await until(async () => (await fetchText('http://10.202.129.1/healthz')) === 'ok\n')
})

afterAll(() => cluster.stop())

const lookUp = (name: string) =>
  client.sh(
    `node -e "require('dns').lookup('${name}', { all: true, family: 4 }, (e, r) => console.log(e ? e.code : r.map((a) => a.address).sort().join()))"`,
  )

test('pods find services by short, namespaced and full name', async () => {
  await until(async () => (await lookUp('web')).trim() === '10.202.129.1')
  expect((await lookUp('web.default')).trim()).toBe('10.202.129.1')
  expect((await lookUp('web.default.svc.cluster.local')).trim()).toBe('10.202.129.1')
  expect((await lookUp('WEB.default.svc.cluster.local.')).trim()).toBe('10.202.129.1')
})

test('a headless service has the addresses of its endpoints', async () => {
  expect((await lookUp('headless')).trim()).toBe([client.address, server.address].sort().join())
})

test('a name that does not exist is refused quickly', async () => {
  expect((await lookUp('nothing.default.svc.cluster.local')).trim()).toBe('ENOTFOUND')
})

test('the host asks the cluster DNS at its cluster address, over UDP, and finds names for addresses', async () => {
  const resolver = new Resolver({ timeout: 2_000 })
  resolver.setServers([clusterDns])
  expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['10.202.129.1'])
  expect(await resolver.reverse('10.202.129.1')).toEqual(['web.default.svc.cluster.local'])
  expect(await resolver.resolveSrv('_dns._udp.kube-dns.kube-system.svc.cluster.local')).toMatchObject([{ port: 53 }])
})

test('pods reach the API server, which listens on loopback, through the kubernetes service', async () => {
  expect(await client.sh('curl -s -m 3 http://kubernetes.default:443/')).toBe(cluster.apiText)
})
