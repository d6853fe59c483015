import { expect, test } from 'vitest'
import { AccountBook } from './account-book.ts'
import { fakeOrigin } from './sinks/fake-batches.ts'
import type { LogSinkStats } from './sinks/sink.ts'

const stats: LogSinkStats = {
  name: 'es',
  accepted: 10,
  restored: 0,
  delivered: 5,
  waiting: 2,
  spooled: 1,
  spoolBytes: 100,
  dropped: { 'gave-up': 2 },
  deliveredBytes: 50,
  sentBytes: 60,
  requests: 4,
  failedRequests: 1,
  isHealthy: true,
  lastError: undefined,
}
const reopened = (book: AccountBook, sinks: readonly LogSinkStats[] = []) => {
  const next = new AccountBook()
  next.restore(JSON.parse(JSON.stringify(book.toSaved(sinks))))
  return next
}
const balance = ({ accepted, restored, delivered, waiting, spooled, dropped }: LogSinkStats) =>
  accepted + restored - delivered - waiting - spooled - Object.values(dropped).reduce((sum, lines) => sum + lines, 0)

test('an account goes on over two restarts, its samples aside', () => {
  const book = new AccountBook()
  const account = book.of(fakeOrigin('app'))
  account.read(100)
  account.line()
  account.acknowledge(1, 20)
  account.lose('truncated', 30)
  account.drop('limit', 5)
  account.settle(account.takeDropped()!)
  const again = reopened(reopened(book))
  expect(again.total).toMatchObject({ readBytes: 100, readLines: 1, acknowledgedLines: 1, acknowledgedBytes: 20 })
  expect(again.total.losses).toEqual({ lines: { truncated: 0, limit: 1 }, bytes: { truncated: 30, limit: 5 } })
  const own = again.of(fakeOrigin('app'))
  expect(own.losses).toEqual(again.total.losses)
  own.read(1)
  expect([own.readBytes, again.total.readBytes]).toEqual([101, 101])
})

test('what is not settled is not saved', () => {
  const book = new AccountBook()
  const account = book.of(fakeOrigin('app'))
  account.drop('limit', 5)
  expect(account.losses.lines).toEqual({ limit: 1 })
  expect(reopened(book).of(fakeOrigin('app')).losses.lines).toEqual({})
})

test('the account of a sink is whole after a restart: what was not settled has come again, or will', () => {
  const book = reopened(new AccountBook(), [stats])
  const fresh = { ...stats, accepted: 3, restored: 1, delivered: 2, waiting: 1, spooled: 1, dropped: {} }
  expect(balance(fresh)).toBe(0)
  const whole = book.withBefore(fresh)
  expect(whole).toMatchObject({ accepted: 10, delivered: 7, dropped: { 'gave-up': 2 }, requests: 8, sentBytes: 120 })
  expect(balance(whole)).toBe(0)
  expect(book.withBefore({ ...fresh, name: 'another' })).toEqual({ ...fresh, name: 'another' })
})

test.each([
  undefined,
  7,
  [],
  { total: { readBytes: -1, readLines: 'x', lostLines: { limit: null } }, origins: [null, {}, { id: 'a', kind: 'b' }], sinks: { es: 1 } },
])('%j is taken for no account', (saved) => {
  const book = new AccountBook()
  book.restore(saved)
  expect(book.total.readBytes + book.total.readLines).toBe(0)
  expect(book.origins.size).toBe(0)
  expect(book.withBefore(stats)).toEqual(stats)
})

test('of accounts that are too many the oldest that are not live go', () => {
  const book = new AccountBook()
  for (let number = 0; number < 1002; number++) book.of(fakeOrigin(`c${number}`))
  expect(book.isOverfull).toBe(true)
  const forgotten = book.forget(({ id }) => id === 'docker/c0')
  expect(forgotten.map(({ id }) => id)).toEqual(['docker/c1', 'docker/c2'])
  expect([book.origins.size, book.isOverfull]).toEqual([1000, false])
})
