import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { fakeCatalog, serviceOf, sliceOf } from '../network-fixtures.ts'
import { createServiceProxy } from './service-proxy.ts'

const clock = new FakeClock()
let fixture: ReturnType<typeof fakeCatalog>
let applied: string[]
let failures: number
let listing: string | undefined
let abort: AbortController
let running: Promise<void>

beforeEach(async () => {
  fixture = fakeCatalog()
  applied = []
  failures = 0
  listing = undefined
  abort = new AbortController()
  const proxy = createServiceProxy({
    catalog: fixture.catalog,
    nft: {
      async apply(statements) {
        if (failures-- > 0) throw new Error('nft failed')
        applied.push(statements)
      },
      list: async () => listing,
    },
    udpFlows: { forget: async () => {} },
    hairpinPorts: { ensure: async () => {} },
    clock,
    log: silentLog,
    table: 'binnacle-1',
    rules: { serviceCidr: '10.96.0.0/16', podSubnet: '10.244.0.0/16', bridge: 'bnc-1', gateway: '10.244.0.1', isBridgeFiltered: true },
    canTakeAddress: () => true,
    canTakePort: () => true,
  })
  running = proxy.run(abort.signal)
  await clock.settle()
})

afterEach(async () => {
  abort.abort()
  await clock.advance(100)
  await running
})

test('makes the table at the start and one transaction for changes that come together', async () => {
  expect(applied).toHaveLength(1)
  fixture.informers.fake(CoreV1Service).put(serviceOf('web'))
  fixture.informers.fake(DiscoveryV1EndpointSlice).put(sliceOf('web', ['10.244.0.2']))
  await clock.advance(50)
  expect(applied).toHaveLength(2)
  expect(applied[1]).toContain('10.96.0.50 . tcp . 80 : goto svc-')
  fixture.informers.fake(CoreV1Service).remove('default/web')
  await clock.advance(50)
  expect(applied[2]).toContain('delete element ip binnacle-1 services { 10.96.0.50 . tcp . 80 }')
})

test('makes no transaction for a change that does not matter to rules', async () => {
  fixture.informers.fake(CoreV1Service).put(serviceOf('headless', { clusterIP: 'None' }))
  await clock.advance(50)
  expect(applied).toHaveLength(1)
})

test('replaces the table when a difference does not apply', async () => {
  failures = 1
  fixture.informers.fake(CoreV1Service).put(serviceOf('web'))
  await clock.advance(50)
  expect(applied[1]).toMatch(/^add table ip binnacle-1\ndelete table ip binnacle-1\n/)
})

test('tries again with growing pauses while nothing applies, then has everything', async () => {
  failures = 4
  fixture.informers.fake(CoreV1Service).put(serviceOf('web'))
  await clock.advance(50)
  expect(applied).toHaveLength(1)
  await clock.advance(10_000)
  expect(applied.at(-1)).toContain('refused { 10.96.0.50 . tcp . 80 }')
})

test('reads the table back every few minutes and repairs it', async () => {
  await clock.advance(180_100)
  expect(applied).toHaveLength(2)
  expect(applied[1]).toBe(applied[0])
})
