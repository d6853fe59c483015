import type { Answer } from 'dns-packet'
import { beforeEach, describe, expect, test } from 'vitest'
import { CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { parseNetwork } from '../ipv4.ts'
import { fakeCatalog, serviceOf, sliceOf } from '../network-fixtures.ts'
import { createZone } from './zone.ts'
import type { KnownType } from './message.ts'
import type { Zone } from './zone.ts'

let zone: Zone

beforeEach(() => {
  const { informers, catalog } = fakeCatalog()
  const services = informers.fake(CoreV1Service)
  const slices = informers.fake(DiscoveryV1EndpointSlice)
  services.put(serviceOf('web', { ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }))
  services.put(serviceOf('peers', { clusterIP: 'None' }))
  services.put(serviceOf('empty', { clusterIP: 'None' }))
  services.put(serviceOf('early', { clusterIP: 'None', publishNotReadyAddresses: true }))
  services.put(serviceOf('alias', { type: 'ExternalName', clusterIP: '', externalName: 'db.example.com' }))
  const endpoints = [
    { addresses: ['10.244.0.2'], hostname: 'peers-0' },
    { addresses: ['10.244.0.3'] },
    { addresses: ['10.244.0.4'], conditions: { ready: false } },
  ]
  slices.put(sliceOf('peers', endpoints, { ports: [{ name: 'gossip', port: 7946, protocol: 'UDP' }] }))
  slices.put(sliceOf('early', [{ addresses: ['10.244.0.9'], conditions: { ready: false } }]))
  zone = createZone({
    catalog,
    domain: 'cluster.local',
    serviceCidr: parseNetwork('10.96.0.0/16', ''),
    podSubnet: parseNetwork('10.244.0.0/16', ''),
    clusterDns: '10.96.0.10',
    now: () => 1_000,
  })
})

const ask = (name: string, type: KnownType | undefined = 'A') => zone.resolve({ name, labels: name.split('.'), type })
const dataOf = (answers: readonly Answer[] | undefined) => answers?.map((answer) => ('data' in answer ? answer.data : undefined))

describe('addresses', () => {
  test.each([
    ['web.default.svc.cluster.local', ['10.96.0.50']],
    ['WEB.Default.SVC.cluster.LOCAL', ['10.96.0.50']],
    ['peers.default.svc.cluster.local', ['10.244.0.2', '10.244.0.3']],
    ['peers-0.peers.default.svc.cluster.local', ['10.244.0.2']],
    ['10-244-0-3.peers.default.svc.cluster.local', ['10.244.0.3']],
    ['early.default.svc.cluster.local', ['10.244.0.9']],
    ['10-244-3-4.default.pod.cluster.local', ['10.244.3.4']],
    ['ns.dns.cluster.local', ['10.96.0.10']],
  ])('%s', (name, addresses) => {
    const reply = ask(name)
    expect([reply?.code, dataOf(reply?.answers), reply?.answers[0]?.name]).toEqual(['NOERROR', addresses, name])
    expect(reply?.answers.every((answer) => 'ttl' in answer && answer.ttl === 5)).toBe(true)
  })
})

describe('names that exist without such a record have no data, and the SOA says for how long', () => {
  test.each([
    ['web.default.svc.cluster.local', 'AAAA'],
    ['web.default.svc.cluster.local', undefined],
    ['empty.default.svc.cluster.local', 'A'],
    ['default.svc.cluster.local', 'A'],
    ['svc.cluster.local', 'A'],
    ['cluster.local', 'A'],
    ['_tcp.web.default.svc.cluster.local', 'A'],
    ['default.pod.cluster.local', 'A'],
  ] as const)('%s %s', (name, type) => {
    const reply = zone.resolve({ name, labels: name.split('.'), type })
    expect([reply?.code, reply?.answers, reply?.authorities[0]?.type]).toEqual(['NOERROR', [], 'SOA'])
  })
})

describe('names that do not exist', () => {
  test.each([
    'nothing.default.svc.cluster.local',
    'web.other.svc.cluster.local',
    'other.svc.cluster.local',
    'x.y.web.default.svc.cluster.local',
    '10-244-0-4.peers.default.svc.cluster.local',
    '192-0-2-1.default.pod.cluster.local',
    'x.cluster.local',
    '1.255.96.10.in-addr.arpa',
  ])('%s', (name) => {
    expect([ask(name)?.code, ask(name)?.authorities[0]?.type]).toEqual(['NXDOMAIN', 'SOA'])
  })
})

test.each(['example.com', 'local', 'mycluster.local', '8.8.8.8.in-addr.arpa', ''])("%j is not the cluster's", (name) => {
  expect(ask(name)).toBeUndefined()
})

describe('services by port', () => {
  test('of a cluster IP name the service', () => {
    const reply = ask('_http._tcp.web.default.svc.cluster.local', 'SRV')
    expect(dataOf(reply?.answers)).toEqual([{ priority: 0, weight: 100, port: 80, target: 'web.default.svc.cluster.local' }])
    expect(dataOf(reply?.additionals)).toEqual(['10.96.0.50'])
  })

  test('of a headless service name its ready endpoints', () => {
    const reply = ask('_gossip._udp.peers.default.svc.cluster.local', 'SRV')
    expect(dataOf(reply?.answers)).toMatchObject([
      { port: 7946, target: 'peers-0.peers.default.svc.cluster.local' },
      { port: 7946, target: '10-244-0-3.peers.default.svc.cluster.local' },
    ])
  })

  test('of another name or protocol do not exist', () => {
    expect(ask('_http._udp.web.default.svc.cluster.local', 'SRV')?.code).toBe('NXDOMAIN')
    expect(ask('_https._tcp.web.default.svc.cluster.local', 'SRV')?.code).toBe('NXDOMAIN')
  })
})

test('addresses lead back to names', () => {
  expect(dataOf(ask('50.0.96.10.in-addr.arpa', 'PTR')?.answers)).toEqual(['web.default.svc.cluster.local'])
  expect(dataOf(ask('2.0.244.10.in-addr.arpa', 'PTR')?.answers)).toEqual(['peers-0.peers.default.svc.cluster.local'])
})

test('an ExternalName is an alias that is still to be followed', () => {
  const reply = ask('alias.default.svc.cluster.local')
  expect([dataOf(reply?.answers), reply?.pending]).toEqual([['db.example.com'], 'db.example.com'])
  expect(ask('alias.default.svc.cluster.local', 'CNAME')?.pending).toBeUndefined()
})

test('the zone says which specification it follows', () => {
  expect(dataOf(ask('dns-version.cluster.local', 'TXT')?.answers)).toEqual(['1.1.0'])
})
