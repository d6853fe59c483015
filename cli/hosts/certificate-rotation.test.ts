import { beforeAll, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate, type KeyPair } from '../../lib/pki.ts'
import { seededRandom } from '../../lib/random.ts'
import { createCertificateRotation, type NodePairs } from './certificate-rotation.ts'

const dayMs = 24 * 3_600_000
const start = Date.UTC(2030, 0, 1)
let authority: KeyPair
/** Certificates for a year from their day. */
let issue: (at: number) => Promise<KeyPair>

beforeAll(async () => {
  authority = await createAuthority('test', start)
  issue = (now) => issueCertificate(authority, { commonName: 'system:node:n', isClient: true, now })
})

async function begin(renewals: readonly ((at: number) => Promise<NodePairs | Error>)[]) {
  const clock = new FakeClock(start)
  const pair = await issue(start - 280 * dayMs)
  let present: NodePairs = { client: pair, serving: pair }
  const asked: number[] = []
  const used: NodePairs[] = []
  const abort = new AbortController()
  const rotation = createCertificateRotation({
    clock,
    random: seededRandom(1),
    log: silentLog,
    renew: async () => {
      const answer = await renewals[Math.min(asked.length, renewals.length - 1)]!(clock.now())
      asked.push((clock.now() - start) / dayMs)
      if (answer instanceof Error) throw answer
      present = answer
    },
    read: () => present,
    use: (pairs) => used.push(pairs),
  })
  const running = rotation.run(abort.signal)
  /** Hour by hour, with time for the certificates to be made. */
  const pass = async (days: number) => {
    for (let hour = 0; hour < days * 24; hour += 6) {
      await clock.advance(6 * 3_600_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { clock, pass, asked, used, end: async () => (abort.abort(), await running) }
}

it('replaces the certificates when four fifths of their life are over, and not before', async () => {
  const fresh = await issue(start + 12 * dayMs)
  const { pass, asked, used, end } = await begin([async () => ({ client: fresh, serving: fresh })])
  await pass(11)
  expect(asked).toEqual([])
  await pass(2)
  expect(used).toEqual([{ client: fresh, serving: fresh }])
  expect(asked[0]).toBeCloseTo(12, 0)
  await pass(30)
  expect(asked).toHaveLength(1)
  await end()
})

it('tries again until it has new ones, and uses what has come meanwhile', async () => {
  const fresh = await issue(start + 12 * dayMs)
  const old = await issue(start - 300 * dayMs)
  const { clock, pass, asked, used, end } = await begin([
    async () => new Error('the server is away'),
    async () => new Error('the server is away'),
    async () => ({ client: fresh, serving: old }),
    async () => ({ client: fresh, serving: fresh }),
  ])
  await pass(12)
  await clock.advance(2 * 3_600_000)
  await pass(1)
  expect(asked.length).toBeGreaterThanOrEqual(4)
  expect(used.at(-1)).toEqual({ client: fresh, serving: fresh })
  await end()
})
