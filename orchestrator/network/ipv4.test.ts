import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOfReverseName, contains, formatIpv4, isRoutableIpv4, parseIpv4, parseNetwork } from './ipv4.ts'

test('addresses survive being read and written', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      expect(formatIpv4(parseIpv4(text)!)).toBe(text)
    }),
  )
})

test.each(['', '10.0.0', '10.0.0.256', '::1', '10.0.0.1 ', '010.0.0.1', '10.0.0.1;drop'])('%j is no address', (text) => {
  expect(parseIpv4(text)).toBeUndefined()
})

describe('parseNetwork', () => {
  test.each([
    ['10.96.0.0/16', '10.96.0.0/16'],
    ['10.96.7.9/16', '10.96.0.0/16'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.0.2.1/32', '192.0.2.1/32'],
  ])('reads %s as %s', (text, normal) => {
    expect(parseNetwork(text, 'cidr').text).toBe(normal)
  })

  test.each(['10.96.0.0', '10.96.0.0/33', '10.96.0.0/', '10.96.0.0/1e1', 'fd00::/8', '10.96.0.0/16/2'])(
    'refuses %j and names the field',
    (text) => {
      expect(() => parseNetwork(text, 'serviceCidr')).toThrow(/^serviceCidr: .* is not an IPv4 network/)
    },
  )
})

test('a network contains its own addresses only', () => {
  const network = parseNetwork('10.96.0.0/16', 'cidr')
  expect(['10.96.0.0', '10.96.255.255', '10.95.255.255', '10.97.0.0', 'x'].map((address) => contains(network, address))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})

test.each(['127.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0', '255.255.255.255', 'name'])(
  '%s is nowhere to send traffic to',
  (address) => {
    expect(isRoutableIpv4(address)).toBe(false)
  },
)

test('reverse names give their address', () => {
  expect(addressOfReverseName('10.0.96.10.IN-ADDR.arpa')).toBe('10.96.0.10')
  expect(addressOfReverseName('0.96.10.in-addr.arpa')).toBeUndefined()
  expect(addressOfReverseName('300.0.96.10.in-addr.arpa')).toBeUndefined()
})
