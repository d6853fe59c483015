import type { OptionNode } from './option-node.ts'
import { isHeaderValue } from './http-options.ts'

/** What a connection is made of, and what has an option of its own. */
const reserved: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Reads `headers`: fields that go along with every request. */
export function readHeaders(node: OptionNode): Readonly<Record<string, string>> {
  const headers = Object.entries(node.textRecord('headers')).map(([name, value]): [string, string] => [name.toLowerCase(), value])
  for (const [name, value] of headers) {
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || reserved.has(name))
      node.problem('headers', `cannot have the field ${JSON.stringify(name)}`)
    if (!isHeaderValue(value)) node.problem('headers', `must be printable ASCII in the field ${JSON.stringify(name)}`)
  }
  return Object.fromEntries(headers)
}
