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

test('the networks of the machine are those it has routes to, but for the default, loopback and what is left out', () => {
  const routes = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t5\t0000FFFF\t0\t0\t0',
    'tun0\t0108A8C0\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0',
    'lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0',
    'bnc-1\t0000F40A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  ]
  expect(hostNetworks(['bnc-1'], () => `${routes.join('\n')}\n`)).toEqual([
    { name: 'eth0', cidr: '192.0.2.0/24' },
    { name: 'docker0', cidr: '172.17.0.0/16' },
    { name: 'tun0', cidr: '192.168.8.1/32' },
  ])
  const unreadable = () => {
    throw new Error('ENOENT')
  }
  expect(hostNetworks([], unreadable)).toEqual([])
})
