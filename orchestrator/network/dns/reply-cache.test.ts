import { decode, encode } from 'dns-packet'
import { expect, test } from 'vitest'
import { readQuery } from './message.ts'
import type { Query } from './message.ts'
import { createReplyCache } from './reply-cache.ts'

const queryFor = (name: string, id = 1) =>
  readQuery(encode({ type: 'query', id, flags: 0x0100, questions: [{ type: 'A', name }] })) as Query
const replyFor = (name: string, ttl: number, flags = 0x8180) =>
  encode({ type: 'response', id: 1, flags, questions: [{ type: 'A', name }], answers: [{ type: 'A', name, ttl, data: '192.0.2.1' }] })
const ttlIn = (bytes: Buffer | undefined) => {
  const record = bytes === undefined ? undefined : decode(bytes).answers?.[0]
  return record !== undefined && 'ttl' in record ? record.ttl : undefined
}

test('a reply is kept for its shortest lifetime, which counts down', () => {
  const cache = createReplyCache({ maxEntries: 10 })
  cache.store(queryFor('example.com'), replyFor('example.com', 20), 0)
  expect(ttlIn(cache.find(queryFor('example.com'), 5_000))).toBe(15)
  expect(cache.find(queryFor('example.com'), 20_000)).toBeUndefined()
  expect(cache.size).toBe(0)
})

test('no reply is kept for longer than half a minute', () => {
  const cache = createReplyCache({ maxEntries: 10 })
  cache.store(queryFor('example.com'), replyFor('example.com', 3_600), 0)
  expect(cache.find(queryFor('example.com'), 31_000)).toBeUndefined()
})

test.each([
  ['failures', replyFor('example.com', 20, 0x8182)],
  ['truncated replies', replyFor('example.com', 20, 0x8380)],
  ['replies for now only', replyFor('example.com', 0)],
  ['replies that end early', replyFor('example.com', 20).subarray(0, 40)],
])('%s are not kept', (_, reply) => {
  const cache = createReplyCache({ maxEntries: 10 })
  cache.store(queryFor('example.com'), reply, 0)
  expect(cache.size).toBe(0)
})

test('the oldest entry leaves when it is full', () => {
  const cache = createReplyCache({ maxEntries: 2 })
  for (const name of ['a.com', 'b.com', 'c.com']) cache.store(queryFor(name), replyFor(name, 20), 0)
  expect(['a.com', 'b.com', 'c.com'].map((name) => cache.find(queryFor(name), 0) !== undefined)).toEqual([false, true, true])
})
