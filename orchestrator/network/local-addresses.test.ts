import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { createAddressCheck, parseLocalAddresses } from './local-addresses.ts'

const routes = `Main:
  +-- 0.0.0.0/0 3 0 4
     +-- 10.40.0.0/15 2 0 1
        +-- 10.40.0.0/31 1 0 0
           |-- 10.40.0.0
              /16 link UNICAST
           |-- 10.40.0.1
              /32 host LOCAL
        |-- 10.40.255.255
           /32 link BROADCAST
     |-- 10.96.0.10
        /32 universe UNICAST
Local:
     +-- 127.0.0.0/31 1 0 0
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
`

test("this machine's addresses are those that the kernel delivers to itself, not networks, broadcasts or routes to others", () => {
  expect(parseLocalAddresses(routes)).toEqual(new Set(['10.40.0.1', '127.0.0.1']))
})

test('one look serves for a moment, the next sees what has come and gone', async () => {
  const clock = new FakeClock()
  let text = routes
  const hasAddress = createAddressCheck(clock, () => text)
  expect(hasAddress('10.40.0.1')).toBe(true)
  text = ''
  expect(hasAddress('10.40.0.1')).toBe(true)
  await clock.advance(200)
  expect(hasAddress('10.40.0.1')).toBe(false)
})

test('without the list of routes the interfaces tell', () => {
  const hasAddress = createAddressCheck(new FakeClock(), () => {
    throw new Error('ENOENT')
  })
  expect([hasAddress('127.0.0.1'), hasAddress('192.0.2.77')]).toEqual([true, false])
})
