import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { silentLog } from '../../../lib/log.ts'
import { CommandError } from '../command.ts'
import { serviceOf, sliceOf } from '../network-fixtures.ts'
import { createForwardPermit } from './forward-permit.ts'
import { createHairpinPorts } from './hairpin-ports.ts'
import { filterBridges, prepareKernel } from './kernel-settings.ts'
import { tableNameOf } from '../table/nft.ts'
import { planServicePorts } from './service-ports.plan.ts'
import { createUdpFlows } from './udp-flows.ts'

const failure = (code: string) => new CommandError('failed', { code, stderr: '' })

test.each(['', 'UPPER', 'a b', 'a;b', 'abcdefghijkl', 'a-b'])('%j is no cluster id', (id) => {
  expect(() => tableNameOf(id)).toThrow(/^clusterId: /)
})

describe("the permit in Docker's chain", () => {
  const options = { table: 'binnacle-1', bridge: 'bnc-1', podSubnet: '10.244.0.0/16' }

  test("is given once, for other hosts' pods only where there are any", async () => {
    const rules = new Set<string>()
    const nat: string[] = []
    const calls: string[] = []
    const permit = createForwardPermit({
      ...options,
      async run(_, args) {
        const [table, verb, , ...rule] = args[2] === '-t' ? args.slice(3) : ['filter', ...args.slice(2)]
        if (verb === '-S') return table === 'nat' ? nat.join('\n') : ''
        calls.push(String(verb))
        if (table === 'nat') {
          const line = ['-A POSTROUTING', ...rule].join(' ')
          if (verb === '-D') nat.splice(nat.indexOf(line), 1)
          else nat.unshift(line)
        } else if (verb === '-I') rules.add(rule.join(' '))
        if (table === 'filter' && verb === '-C' && !rules.has(rule.join(' '))) throw failure('EXIT')
        return ''
      },
    })
    expect(await permit.ensure({ fromOtherHosts: false })).toBe(true)
    expect(await permit.ensure({ fromOtherHosts: false })).toBe(true)
    expect([...rules]).toEqual(['-o bnc-1 -m conntrack --ctstate DNAT -m comment --comment binnacle-1 -j ACCEPT'])
    expect(calls.filter((verb) => verb === '-I')).toHaveLength(1)
    await permit.ensure({ fromOtherHosts: true })
    expect(rules.size).toBe(2)
    const exemption = '-A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment binnacle-1 -j ACCEPT'
    expect(nat).toEqual([exemption])
    nat.unshift('-A POSTROUTING -s 10.244.0.0/16 ! -o bnc-1 -j MASQUERADE')
    await permit.ensure({ fromOtherHosts: true })
    await permit.ensure({ fromOtherHosts: true })
    expect(nat).toEqual([exemption, '-A POSTROUTING -s 10.244.0.0/16 ! -o bnc-1 -j MASQUERADE'])
  })

  test('is not needed where Docker has no such chain', async () => {
    const permit = createForwardPermit({ ...options, run: () => Promise.reject(failure('EXIT')) })
    expect(await permit.ensure({ fromOtherHosts: true })).toBe(false)
  })
})

describe('kernel settings', () => {
  const settings = (values: Record<string, string>, isFixed = false) => ({
    read: async (path: string) => values[path],
    write: async (path: string, value: string) => {
      if (isFixed) throw new Error('EROFS')
      values[path] = value
    },
  })
  const bridge = 'net/bridge/bridge-nf-call-iptables'
  const forward = 'net/ipv4/ip_forward'

  test.each([
    ['already on', { [bridge]: '1', [forward]: '1' }, false, { isBridgeFiltered: true }],
    ['turned on', { [bridge]: '0', [forward]: '0' }, false, { isBridgeFiltered: true }],
    ['without br_netfilter', { [forward]: '1' }, false, { isBridgeFiltered: false }],
    ['fixed', { [bridge]: '0', [forward]: '0' }, true, { isBridgeFiltered: false, problem: expect.stringContaining('ip_forward') }],
  ])('%s', async (_, values, isFixed, expected) => {
    expect(await prepareKernel(settings({ ...values }, isFixed))).toEqual(expected)
  })

  test.each([
    ['there is', true, true],
    ['there is none', false, false],
  ])('where bridges are not filtered the module is loaded, if %s', async (_, hasModule, expected) => {
    const values: Record<string, string> = {}
    const run = async (program: string, args: readonly string[]) => {
      expect([program, ...args]).toEqual(['modprobe', 'br_netfilter'])
      if (!hasModule) throw failure('EXIT')
      values[bridge] = '0'
      return ''
    }
    expect(await filterBridges(settings(values), run)).toBe(expected)
  })
})

test('every port of the bridge is set to hairpin once, also those that come later', async () => {
  const sysfs = await mkdtemp(join(tmpdir(), 'binnacle-hairpin-'))
  const file = (port: string) => join(sysfs, 'class/net/bnc-1/brif', port, 'hairpin_mode')
  const add = async (port: string) => {
    await mkdir(join(file(port), '..'), { recursive: true })
    await writeFile(file(port), '0')
  }
  const ports = createHairpinPorts({ sysfs, bridge: 'bnc-1' })
  await ports.ensure()
  await add('veth1')
  await ports.ensure()
  await add('veth2')
  await writeFile(file('veth1'), 'kept')
  await ports.ensure()
  expect([await readFile(file('veth1'), 'utf8'), await readFile(file('veth2'), 'utf8')]).toEqual(['kept', '1'])
  await rm(sysfs, { recursive: true })
})

describe('UDP flows', () => {
  const portsOf = (addresses: readonly string[], protocol = 'UDP') =>
    planServicePorts(
      serviceOf('dns', { ports: [{ port: 53, protocol }] }),
      [sliceOf('dns', addresses, { ports: [{ port: 53, protocol }] })],
      {
        isLocalNode: () => true,
        canTakeAddress: () => true,
        canTakePort: () => true,
      },
    )

  test('to an endpoint that is gone are forgotten, others and TCP are kept', async () => {
    const calls: (readonly string[])[] = []
    const flows = createUdpFlows({ log: silentLog, run: async (_, args) => (calls.push(args), '') })
    await flows.forget(portsOf(['10.244.0.2', '10.244.0.3']), portsOf(['10.244.0.3']))
    await flows.forget(portsOf(['10.244.0.2'], 'TCP'), [])
    expect(calls).toEqual([['-D', '-p', 'udp', '--orig-dst', '10.96.0.50', '--reply-src', '10.244.0.2']])
  })

  test('are left alone for good where conntrack is not installed', async () => {
    let calls = 0
    const flows = createUdpFlows({ log: silentLog, run: () => (calls++, Promise.reject(failure('ENOENT'))) })
    await flows.forget(portsOf(['10.244.0.2', '10.244.0.3']), [])
    await flows.forget(portsOf(['10.244.0.2']), [])
    expect(calls).toBe(1)
  })
})
