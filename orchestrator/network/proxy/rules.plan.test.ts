import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { serviceOf, sliceOf } from '../network-fixtures.ts'
import { planPort, planTable } from './rules.plan.ts'
import { planServicePorts } from './service-ports.plan.ts'
import { planTransaction } from '../table/table-state.ts'

const options = {
  serviceCidr: '10.96.0.0/16',
  podSubnet: '10.244.0.0/16',
  bridge: 'bnc-0a0b0c0d',
  gateway: '10.244.0.1',
  isBridgeFiltered: true,
}
const table = 'binnacle-0a0b0c0d'
const planner = { isLocalNode: () => true, canTakeAddress: () => true, canTakePort: () => true }
type Services = readonly (readonly [ReturnType<typeof serviceOf>, ...ReturnType<typeof sliceOf>[]])[]
const stateOf = (services: Services) =>
  planTable(services.flatMap(([service, ...slices]) => planServicePorts(service, slices, planner)).map(planPort), options)
const change = (before: Services, after: Services) => planTransaction(table, stateOf(before), stateOf(after)).split('\n').filter(Boolean)

describe('a transaction', () => {
  test('is empty when nothing changed', () => {
    expect(change([[serviceOf('web'), sliceOf('web', ['10.244.0.2'])]], [[serviceOf('web'), sliceOf('web', ['10.244.0.2'])]])).toEqual([])
  })

  test("for one more endpoint rewrites that service's chain and adds one element", () => {
    const other = [serviceOf('other', { clusterIP: '10.96.0.51' }), sliceOf('other', ['10.244.0.9'])] as const
    const lines = change(
      [other, [serviceOf('web'), sliceOf('web', ['10.244.0.2'])]],
      [other, [serviceOf('web'), sliceOf('web', ['10.244.0.2', '10.244.0.3'])]],
    )
    expect(lines).toEqual([
      expect.stringMatching(/^flush chain ip binnacle-0a0b0c0d svc-[0-9a-f]{16}$/),
      expect.stringMatching(
        /^add rule ip binnacle-0a0b0c0d svc-[0-9a-f]{16} meta l4proto tcp dnat ip to numgen random mod 2 map \{ 0 : 10\.244\.0\.2 \. 8080, 1 : 10\.244\.0\.3 \. 8080 \} comment "[0-9a-f]{16}"$/,
      ),
      'add element ip binnacle-0a0b0c0d hairpin { 10.244.0.3 . 10.244.0.3 }',
    ])
  })

  test('for the last endpoint that goes turns the address into a refusal and drops the chain', () => {
    const lines = change([[serviceOf('web'), sliceOf('web', ['10.244.0.2'])]], [[serviceOf('web'), sliceOf('web', [])]])
    expect(lines.map((line) => line.replace(/svc-\w+/, 'svc-X'))).toEqual([
      'delete element ip binnacle-0a0b0c0d services { 10.96.0.50 . tcp . 80 }',
      'delete element ip binnacle-0a0b0c0d hairpin { 10.244.0.2 . 10.244.0.2 }',
      'flush chain ip binnacle-0a0b0c0d svc-X',
      'add element ip binnacle-0a0b0c0d refused { 10.96.0.50 . tcp . 80 }',
      'delete chain ip binnacle-0a0b0c0d svc-X',
    ])
  })

  test('for an endpoint with affinity that goes drops its chain and its set only', () => {
    const sticky = serviceOf('web', { sessionAffinity: 'ClientIP' })
    const lines = change([[sticky, sliceOf('web', ['10.244.0.2', '10.244.0.3'])]], [[sticky, sliceOf('web', ['10.244.0.3'])]])
    expect(lines.filter((line) => line.startsWith('delete')).map((line) => line.replace(/-\w{16}/, '-X'))).toEqual([
      'delete element ip binnacle-0a0b0c0d hairpin { 10.244.0.2 . 10.244.0.2 }',
      'delete chain ip binnacle-0a0b0c0d ep-X',
      'delete set ip binnacle-0a0b0c0d aff-X',
    ])
  })

  test('replaces the table when a base chain has another place', () => {
    const present = stateOf([])
    const moved = {
      ...present,
      chains: new Map(present.chains).set('prerouting', { hook: { type: 'nat', hook: 'prerouting', priority: 0 }, rules: [] }),
    }
    expect(planTransaction(table, moved, present).split('\n').slice(0, 3)).toEqual([
      `add table ip ${table}`,
      `delete table ip ${table}`,
      `add table ip ${table}`,
    ])
  })

  test('leads from any state to any other, and back to nothing', () => {
    const arbitrary = fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), ends: fc.subarray([2, 3, 4]), sticky: fc.boolean() }), {
      maxLength: 3,
    })
    const build = (list: readonly { readonly name: string; readonly ends: readonly number[]; readonly sticky: boolean }[]): Services =>
      [...new Map(list.map((one) => [one.name, one])).values()].map(({ name, ends, sticky }) => [
        serviceOf(name, { clusterIP: `10.96.0.${name.charCodeAt(0)}`, ...(sticky ? { sessionAffinity: 'ClientIP' } : {}) }),
        sliceOf(
          name,
          ends.map((end) => `10.244.0.${end}`),
        ),
      ])
    fc.assert(
      fc.property(arbitrary, arbitrary, (before, after) => {
        const present = stateOf(build(before))
        expect(applyTo(present, planTransaction(table, present, stateOf(build(after))))).toEqual(applyTo(stateOf(build(after)), ''))
      }),
    )
  })
})

/** What a table holds after statements, as nft would apply them; throws where nft would refuse. */
function applyTo(state: ReturnType<typeof stateOf>, statements: string): object {
  const chains = new Map([...state.chains].map(([name, chain]) => [name, chain.rules.map(({ text }) => text)]))
  const sets = new Set(state.collections.keys())
  const elements = new Map([...state.elements].map(([name, entries]) => [name, new Map(entries)]))
  for (const line of statements.split('\n').filter(Boolean)) {
    const [, verb, what, name, rest = ''] = /^(\w+) (\w+) ip \S+ (\S+) ?(.*)$/.exec(line)!
    const body = rest.replace(/^\{ (.*) \}$/, '$1')
    if (verb === 'add' && what === 'chain') chains.set(name!, chains.get(name!) ?? [])
    else if (verb === 'add' && what === 'set') sets.add(name!)
    else if (verb === 'flush') chains.set(name!, [])
    else if (verb === 'add' && what === 'rule') {
      for (const [, target] of rest.matchAll(/goto ([\w-]+)/g)) expect(chains.has(target!), `${line}: no chain ${target}`).toBe(true)
      chains.get(name!)!.push(rest.replace(/ comment "\w+"$/, ''))
    } else if (what === 'element') {
      for (const element of body.split(', ')) {
        const [key, value = ''] = element.split(' : ')
        if (verb === 'add') elements.get(name!)!.set(key!, value)
        else expect(elements.get(name!)!.delete(key!), `${line}: not there`).toBe(true)
      }
    } else if (what === 'chain') {
      expect(chains.get(name!), `${line}: not empty`).toEqual([])
      const users = [...chains.values()].flat().concat([...elements.values()].flatMap((entries) => [...entries.values()]))
      expect(
        users.filter((text) => text.includes(name!)),
        `${line}: in use`,
      ).toEqual([])
      chains.delete(name!)
    } else if (what === 'set') {
      expect(
        [...chains.values()].flat().filter((text) => text.includes(`@${name}`)),
        `${line}: in use`,
      ).toEqual([])
      sets.delete(name!)
    } else throw new Error(`unexpected statement: ${line}`)
  }
  const sorted = (map: Map<string, unknown>) => Object.fromEntries([...map].sort(([left], [right]) => left.localeCompare(right)))
  return {
    chains: sorted(chains),
    sets: [...sets].sort(),
    elements: sorted(new Map([...elements].map(([name, entries]) => [name, sorted(entries)]))),
  }
}

describe('a table', () => {
  test('gives an address and port that two services claim to the first', () => {
    const first = serviceOf('first', { externalIPs: ['198.51.100.7'] })
    const second = serviceOf('second', { clusterIP: '10.96.0.51', externalIPs: ['198.51.100.7'] })
    const both = stateOf([
      [first, sliceOf('first', ['10.244.0.2'])],
      [second, sliceOf('second', ['10.244.0.3'])],
    ])
    const alone = stateOf([[first, sliceOf('first', ['10.244.0.2'])]])
    const key = '198.51.100.7 . tcp . 80'
    expect(both.elements.get('services')?.get(key)).toBe(alone.elements.get('services')?.get(key))
  })

  test('masquerades between pods of the bridge only where the bridge is not filtered', () => {
    const rulesOf = (isBridgeFiltered: boolean) =>
      planTable([], { ...options, isBridgeFiltered })
        .chains.get('postrouting')
        ?.rules.map(({ text }) => text)
    const rule = 'ct status dnat ip saddr 10.244.0.0/16 oifname "bnc-0a0b0c0d" masquerade'
    expect(rulesOf(true)).not.toContain(rule)
    expect(rulesOf(false)).toContain(rule)
  })

  test('gives what is no pod and goes to a pod of another host the address of the gateway', () => {
    expect(
      planTable([], options)
        .chains.get('postrouting')
        ?.rules.map(({ text }) => text),
    ).toContain('ct status dnat ip saddr != 10.244.0.0/16 ip daddr 10.244.0.0/16 oifname != "bnc-0a0b0c0d" snat to 10.244.0.1')
  })

  test('holds nothing of the texts that users choose, whatever they are', () => {
    const hostile = fc
      .string({ minLength: 1, unit: fc.constantFrom('"', '}', '{', ';', '\n', '$', '`', '\\', ' ') })
      .map((text) => `MARK${text}`)
    fc.assert(
      fc.property(hostile, hostile, (name, other) => {
        const service = serviceOf(
          name,
          { ports: [{ name: other, port: 80, protocol: 'TCP' }], externalIPs: [other], sessionAffinity: 'ClientIP' },
          other,
        )
        const slice = sliceOf(name, ['10.244.0.2', other, { addresses: ['10.244.0.3'], hostname: other, nodeName: name }], {
          ports: [{ name: other, port: 8080 }],
        })
        const text = planTransaction(table, undefined, stateOf([[service, slice]]))
        expect(text).not.toContain('MARK')
        expect(text).toContain('10.244.0.3')
      }),
    )
  })
})
