import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { silentLog } from '../lib/log.ts'
import { seededRandom } from '../lib/random.ts'
import { CoordinationV1Lease } from '../orchestrator/api/generated/kinds.ts'
import { createFakeTransport } from '../orchestrator/client/fake-transport.ts'
import { createClient } from '../orchestrator/client/rest-client.ts'
import type { Client } from '../orchestrator/client/client.ts'
import type { LeaseStore } from '../alerts/cluster/lease.ts'
import { createAlertLeases } from './alert-leases.ts'

const place = { namespace: 'kube-system', name: 'binnacle-alerts' }
const own = { holder: 'a', address: '127.0.0.1:9095', term: 1, inSync: ['a', 'b'] }

let client: Client
let leases: LeaseStore
let lines: string[]

beforeEach(() => {
  const clock = new FakeClock()
  lines = []
  client = createClient(createFakeTransport({ clock, random: seededRandom(1) }))
  const log = { ...silentLog, warn: (fields: object) => void lines.push(JSON.stringify(fields)) }
  leases = createAlertLeases({ client, clock, log, ...place, leaseDurationMs: 10_000 })
})

/** What somebody else makes of the Lease. */
async function spoil(annotations: Readonly<Record<string, string>>, spec: object = {}): Promise<void> {
  const lease = await client.get(CoordinationV1Lease, place)
  await client.update(CoordinationV1Lease, {
    ...lease,
    metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...annotations } },
    spec: { ...lease.spec, ...spec },
  })
}

describe('the lease of alert servers', () => {
  it('is read as it was written, and written only on top of what is known', async () => {
    expect(await leases.read()).toBeUndefined()
    const written = await leases.write(undefined, own)
    expect(written).toMatchObject(own)
    expect(await leases.read()).toEqual(written)
    expect(await leases.write(undefined, own)).toBeUndefined()
    await leases.write(written, { ...own, holder: '' })
    expect(await leases.write(written, own)).toBeUndefined()
    expect(await leases.read()).toMatchObject({ holder: '' })
    expect(lines).toEqual([])
  })

  it.each(['[', '', '{"a":1}', '"a"', 'null', '7', '["a", 5]', '["a", null]', '[["a"]]', '['.repeat(100_000)])(
    'has nobody in sync where the list of them is %j, and says so once',
    async (text) => {
      await leases.write(undefined, own)
      await spoil({ 'binnacle/in-sync': text })
      expect(await leases.read()).toMatchObject({ ...own, inSync: [] })
      expect(await leases.read()).toMatchObject({ inSync: [] })
      expect(lines.filter((line) => line.includes('binnacle/in-sync is no JSON list of names'))).toHaveLength(1)
    },
  )

  it.each([
    'x',
    '127.0.0.1',
    '127.0.0.1:',
    'a:1/../x',
    'user@host:1',
    'a b:1',
    ':9095',
    '[::1',
    '[zz]:1',
    'h:99999',
    'h:1\r\nX: y',
    '256.1.1.1:5',
  ])('leads nowhere where its address is %j', async (address) => {
    await leases.write(undefined, own)
    await spoil({ 'binnacle/address': address })
    expect(await leases.read()).toMatchObject({ ...own, address: '' })
    expect(lines.filter((line) => line.includes('binnacle/address is no HOST:PORT'))).toHaveLength(1)
  })

  it.each(['alerts-1.example:9095', '[fd00::1]:9095', '10.0.0.1:1'])('leads to %j', async (address) => {
    expect(await leases.write(undefined, { ...own, address })).toMatchObject({ address })
  })

  it('goes on with small terms where the API has no larger one', async () => {
    await leases.write(undefined, own)
    await spoil({}, { leaseTransitions: 2 ** 31 - 1 })
    const read = await leases.read()
    expect(await leases.write(read, { ...own, term: read!.term + 1 })).toMatchObject({ term: 0 })
  })
})
