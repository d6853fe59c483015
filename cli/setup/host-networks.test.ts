import { expect, test } from 'vitest'
import { describeOverlaps, hostNetworks } from './host-networks.ts'

const options = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16' }

test.each([
  ['a network beside both', '192.168.1.10/24', []],
  ["one inside of the pods'", '10.244.7.9/24', ['--pod-cidr']],
  ["one around the Services'", '10.64.0.1/10', ['--service-cidr']],
  ['one around both', '10.1.2.3/8', ['--pod-cidr', '--service-cidr']],
])('%s', (_, cidr, flags) => {
  const lines = describeOverlaps(options, [{ name: 'eth0', cidr }])
  expect(lines.map((line) => /--[\w-]+$/.exec(line)?.[0])).toEqual(flags)
  expect(lines.every((line) => line.includes(`eth0 (${cidr})`))).toBe(true)
})

test('loopback and what is left out are no networks of the machine', () => {
  const all = hostNetworks([])
  expect(all.every(({ cidr }) => !cidr.startsWith('127.'))).toBe(true)
  expect(hostNetworks(all.map(({ name }) => name))).toEqual([])
})
