import { contains, parseNetwork } from '../ipv4.ts'
import type { TableState } from '../table/table-state.ts'

/** The first packet of a connection, as it is forwarded: this host's pods are those of 10.244.0.0/24, on the bridge `bnc-1`. */
export interface Packet {
  readonly from: string
  readonly to: string
  readonly protocol?: string
  readonly port?: number
}

/** What the kernel would do by the policies' table, for tests: reads the rules' text. Throws on what it does not know. */
export function judge(table: TableState | undefined, packet: Packet): 'accept' | 'drop' {
  if (table === undefined) return 'accept'
  const isDropped = ['egress', 'ingress'].some((chain) => judgeChain(table, chain, packet) === 'drop')
  return isDropped ? 'drop' : 'accept'
}

function judgeChain(table: TableState, name: string, packet: Packet): 'accept' | 'drop' | undefined {
  const chain = table.chains.get(name)
  if (chain === undefined) throw new Error(`there is no chain ${name}`)
  for (const { text } of chain.rules) {
    const target = follow(table, text, packet)
    const verdict = target?.chain === undefined ? target?.verdict : judgeChain(table, target.chain, packet)
    if (verdict !== undefined) return verdict
    if (target?.verdict === undefined && target?.isFinal === true) return undefined
  }
  return undefined
}

interface Target {
  readonly verdict?: 'accept' | 'drop'
  readonly chain?: string
  readonly isFinal?: boolean
}

/** Where a rule leads a packet; `undefined`: it does not match. */
function follow(table: TableState, text: string, packet: Packet): Target | undefined {
  const { from, to, protocol = 'tcp', port = 80 } = packet
  const sideOf = (address: string) => (address.startsWith('10.244.0.') ? '"bnc-1"' : '"eth0"')
  const fields: Readonly<Record<string, string>> = {
    'ip saddr . ip daddr': `${from} . ${to}`,
    'ip daddr . th dport': `${to} . ${port}`,
    'ip saddr': from,
    'ip daddr': to,
    'th dport': String(port),
    'meta l4proto': protocol,
    iifname: sideOf(from),
    oifname: sideOf(to),
    'ct state': 'new',
  }
  const elements = (name: string) => table.elements.get(name) ?? fail(`there is no set ${name}`)
  let rest = text
  for (;;) {
    const verdict = /^(accept|drop)$/.exec(rest)?.[1] as Target['verdict']
    if (verdict !== undefined) return { verdict }
    const jump = /^jump (\S+)$/.exec(rest)?.[1]
    if (jump !== undefined) return { chain: jump }
    const field = Object.keys(fields).find((candidate) => rest.startsWith(`${candidate} `)) ?? fail(`unknown rule: ${rest}`)
    const [match, not, operand] = /^ (!= )?(vmap @\S+|@\S+|\{ [^}]* \}|\S+)/.exec(rest.slice(field.length)) ?? fail(`unknown rule: ${rest}`)
    const value = fields[field]!
    if (operand!.startsWith('vmap ')) {
      const verdictOf = elements(operand!.slice('vmap @'.length)).get(value)
      return verdictOf === undefined ? undefined : { chain: verdictOf.slice('goto '.length), isFinal: true }
    }
    const isIn = operand!.startsWith('@')
      ? elements(operand!.slice(1)).has(value)
      : operand!
          .replaceAll(/^\{ | \}$/g, '')
          .split(/, |,/)
          .some((item) => isMatch(value, item))
    if (isIn === (not !== undefined)) return undefined
    rest = rest.slice(field.length + match.length).trim()
  }
}

function isMatch(value: string, item: string): boolean {
  if (item.includes('/')) return contains(parseNetwork(item, 'item'), value)
  const [, first, last] = /^(\d+)-(\d+)$/.exec(item) ?? []
  return first === undefined ? value === item : Number(value) >= Number(first) && Number(value) <= Number(last)
}

function fail(message: string): never {
  throw new Error(message)
}
