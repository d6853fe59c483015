import { Escapes } from '../../../../lib/byte-writer.ts'

const short: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
}

function controlEscapes(): [number, string][] {
  return Array.from({ length: 0x20 }, (_, byte) => [byte, `\\u${byte.toString(16).padStart(4, '0')}`])
}

/** What JSON wants escaped in a string of UTF-8, and DEL. */
export const jsonEscapes = new Escapes(
  new Map([
    ...controlEscapes(),
    [0x7f, '\\u007f'],
    ...Object.entries(short).map(([from, to]): [number, string] => [from.charCodeAt(0), to]),
  ]),
)
