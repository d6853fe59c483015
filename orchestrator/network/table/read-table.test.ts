import { expect, test } from 'vitest'
import { serviceOf, sliceOf } from '../network-fixtures.ts'
import { readTable } from './read-table.ts'
import { planPort, planTable } from '../proxy/rules.plan.ts'
import { planServicePorts } from '../proxy/service-ports.plan.ts'
import { planTransaction } from './table-state.ts'
import type { TableState } from './table-state.ts'

const service = serviceOf('web', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }], sessionAffinity: 'ClientIP' })
const ports = planServicePorts(service, [sliceOf('web', ['10.244.0.2', '10.244.0.3'])], {
  isLocalNode: () => true,
  canTakeAddress: () => true,
  canTakePort: () => true,
})
const planned = planTable(ports.map(planPort), {
  serviceCidr: '10.96.0.0/16',
  podSubnet: '10.244.0.0/16',
  bridge: 'bnc-1',
  gateway: '10.244.0.1',
  isBridgeFiltered: true,
})

/** A listing as `nft -j` gives it. */
function listingOf(state: TableState, extra: readonly object[] = []): string {
  const keyOf = (key: string) =>
    key.includes(' . ') ? { concat: key.split(' . ').map((part) => (/^\d+$/.test(part) ? Number(part) : part)) } : key
  const collections = [...state.collections].map(([name, { keyType, valueType, timeoutSeconds }]) => {
    const elem = [...(state.elements.get(name) ?? [])].map(([key, value]) =>
      valueType === undefined ? keyOf(key) : [keyOf(key), { goto: { target: value.slice(5) } }],
    )
    const body = {
      family: 'ip',
      name,
      type: keyType.length === 1 ? keyType[0] : keyType,
      ...(timeoutSeconds === undefined ? {} : { timeout: timeoutSeconds }),
      ...(elem.length === 0 ? {} : { elem }),
    }
    return valueType === undefined ? { set: body } : { map: { ...body, map: valueType } }
  })
  const chains = [...state.chains].map(([name, { hook }]) => ({
    chain: { name, ...(hook === undefined ? {} : { type: hook.type, hook: hook.hook, prio: hook.priority }) },
  }))
  const rules = [...state.chains].flatMap(([chain, { rules }]) => rules.map(({ id }) => ({ rule: { chain, comment: id } })))
  return JSON.stringify({ nftables: [{ metainfo: {} }, { table: { name: 't' } }, ...collections, ...chains, ...rules, ...extra] })
}

test('a table that is as planned needs no change', () => {
  expect(planTransaction('t', readTable(listingOf(planned)), planned)).toBe('')
})

test('a chain with a rule of somebody else is rewritten, and nothing but it', () => {
  const present = readTable(listingOf(planned, [{ rule: { chain: 'prerouting' } }]))
  const lines = planTransaction('t', present, planned).split('\n').filter(Boolean)
  expect(lines[0]).toBe('flush chain ip t prerouting')
  expect(lines.slice(1).every((line) => line.startsWith('add rule ip t prerouting '))).toBe(true)
})

test('an element that is missing is added', () => {
  const elements = new Map(planned.elements).set('services', new Map())
  const present = readTable(listingOf({ ...planned, elements }))
  expect(planTransaction('t', present, planned)).toMatch(/^add element ip t services \{ 10\.96\.0\.50 \. tcp \. 80 : goto svc-\w+ \}\n$/)
})

test('anything but a listing is an error', () => {
  expect(() => readTable('{}')).toThrow(SyntaxError)
  expect(() => readTable('Error: x')).toThrow(SyntaxError)
})
