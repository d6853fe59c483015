import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { unavailable } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Authorities } from './authorities.ts'
import { followAuthorities, noAuthorities, parseAuthorities } from './authorities.ts'

test('what the ConfigMap does not say is as everywhere', () => {
  expect(parseAuthorities({})).toEqual(noAuthorities)
  expect(
    parseAuthorities({
      'client-ca-file': 'PEM',
      'requestheader-allowed-names': '["a"]',
      'requestheader-extra-headers-prefix': '["X-Extra-"]',
    }),
  ).toEqual({ ...noAuthorities, clientCa: 'PEM', allowedNames: ['a'], extraHeaderPrefixes: ['x-extra-'] })
})

test.each(['front', '{}', '[1]', '"a"', ''])('a list that is none (%j) is refused with its key', (text) => {
  expect(() => parseAuthorities({ 'requestheader-allowed-names': text })).toThrow(
    `requestheader-allowed-names: ${JSON.stringify(text)} is not a JSON list`,
  )
})

test('it is read each minute, sooner after a failure, warned of once, and told only when it changed', async () => {
  const clock = new FakeClock()
  const stopped = new AbortController()
  const told: Authorities[] = []
  const warnings: string[] = []
  let data: Record<string, string> | undefined = { 'client-ca-file': 'one' }
  let reads = 0
  const get = () => {
    reads++
    return data === undefined ? Promise.reject(unavailable('away')) : Promise.resolve({ data })
  }
  const log = { ...silentLog, warn: (_: unknown, message: string) => warnings.push(message) } as unknown as typeof silentLog
  const client = { get } as unknown as Client
  const running = followAuthorities({ client, clock, log, onChange: (authorities) => told.push(authorities) }, stopped.signal)
  await clock.advance(59_999)
  expect([reads, told.length]).toEqual([1, 1])
  await clock.advance(1)
  expect([reads, told.length]).toEqual([2, 1])
  data = undefined
  await clock.advance(60_000)
  await clock.advance(10_000)
  expect([reads, warnings.length]).toEqual([5, 1])
  data = { 'client-ca-file': 'two' }
  await clock.advance(5_000)
  expect(told.map(({ clientCa }) => clientCa)).toEqual(['one', 'two'])
  stopped.abort()
  await running
})
