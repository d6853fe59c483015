import type { Pattern } from './pattern.ts'

/** What stands where a secret stood. */
export const redacted = '[redacted]'

const at = '@'.charCodeAt(0)
const dash = '-'.charCodeAt(0)

/** Per byte: words that may begin a secret and hold this byte at that offset. The byte is chosen to be rare in other text. */
const suspects: readonly (readonly { readonly word: string; readonly offset: number }[])[] = Array.from({ length: 256 }, (_, byte) =>
  (
    [
      ['w', 'passw', 4],
      ['w', 'pwd', 1],
      ['z', 'authorization', 7],
      ['k', 'token', 2],
      ['k', 'key', 0],
      ['c', 'secret', 2],
      ['c', 'credential', 0],
      ['b', 'bearer', 0],
      ['b', 'basic ', 0],
      ['j', 'eyj', 2],
      ['k', 'akia', 1],
      ['s', 'asia', 1],
      ['-', '-----begin', 0],
    ] as const
  )
    .filter(([letter]) => letter === String.fromCharCode(byte).toLowerCase())
    .map(([, word, offset]) => ({ word, offset })),
)
const isSuspect = Uint8Array.from(suspects, (words) => (words.length > 0 ? 1 : 0))
isSuspect[at] = 1

/**
 * Whether a line may hold a secret: a look at each byte, which costs little where there is none. Where it says no, `redactText` would change
 * nothing.
 */
export function mayHoldSecret(buffer: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    if (isSuspect[buffer[index]!] === 0) continue
    if (buffer[index] === at) return true
    if (buffer[index] === dash && buffer[index + 1] !== dash) continue
    for (const { word, offset } of suspects[buffer[index]!]!) if (isWordAt(buffer, index - offset, { start, end, word })) return true
  }
  return false
}

/** Whether a word in lower case stands at a place, in any case. */
function isWordAt(
  buffer: Buffer,
  place: number,
  { start, end, word }: { readonly start: number; readonly end: number; readonly word: string },
): boolean {
  if (place < start || place + word.length > end) return false
  for (let index = 0; index < word.length; index++) {
    const wanted = word.charCodeAt(index)
    const byte = buffer[place + index]!
    if (byte !== wanted && !(wanted >= 0x61 && (byte | 0x20) === wanted)) return false
  }
  return true
}

type Replace = string | ((match: string, ...groups: string[]) => string)

/**
 * What is hidden, and what is left of it. Each is linear: no part can match the same text in two ways, and none that fails has looked far. A value in quotes ends with its quote, so
 * that JSON stays JSON.
 */
const hidden: readonly (readonly [pattern: RegExp, replace: Replace])[] = [
  // A key takes the lines up to its end, or the rest of what is there.
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/gi, redacted],
  [/\b(bearer +)([\w.~+/=-]{6,})/gi, (match, scheme, token) => (/\d/.test(token) || token.length >= 20 ? `${scheme}${redacted}` : match)],
  [/\b(basic +)([\w+/-]{6,}={0,2})/gi, (match, scheme, token) => (isUserAndPassword(token) ? `${scheme}${redacted}` : match)],
  // user:password@host in an address
  [/(:\/\/[^\s/:@"']{0,256}:)[^\s/@"']{1,256}@/g, `$1${redacted}@`],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, redacted],
  [/(?<![\w.-])[\w.-]*eyJ[\w.-]*/g, hideTokens],
  // "password": "…", password=…, api_key: '…', and the same within a JSON text
  [
    /((?:passw(?:or)?d|pwd|secret|token|credentials?|(?:api|access|secret|private)[_-]?key(?:[_-]?id)?|authorization)(?:\\?["'])?\s{0,3}[=:]\s{0,3})(\\"(?:(?!\\").)*(?:\\")?|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"'&,;)}\]]+)/gis,
    hideValue,
  ],
]

/** Hides secrets in a text, and what matches one of `more`. */
export function redactText(text: string, more: readonly Pattern[]): string {
  let result = text
  for (const [pattern, replace] of hidden)
    result = typeof replace === 'string' ? result.replace(pattern, replace) : result.replace(pattern, replace)
  for (const pattern of more) result = pattern.replaceAll(result, redacted)
  return result
}

/** Keeps a value's quotes, schemes whose secret comes behind them, and what was hidden before. */
function hideValue(match: string, key: string, value: string): string {
  const quotes = /^(\\?["'])[\s\S]*?(\\?["'])?$/.exec(value)
  const inner =
    quotes === null
      ? value
      : value.slice(quotes[1]!.length, value.length - (value.length > quotes[1]!.length ? (quotes[2]?.length ?? 0) : 0))
  if (inner === '' || /^(?:(?:bearer|basic)(?: +\[redacted\])?|\[redacted\]?)$/i.test(inner)) return match
  return quotes === null ? `${key}${redacted}` : `${key}${quotes[1]!}${redacted}${quotes[2] ?? ''}`
}

/**
 * Hides JSON web tokens in a run of the characters that they are made of: `eyJ…` at a word's beginning, a part behind a dot, and one more if there is.
 * A pattern that began at each `eyJ` would look at the rest of the run for each.
 */
function hideTokens(run: string): string {
  const parts = run.split('.')
  const kept: string[] = []
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!
    const start = part.startsWith('eyJ') ? 0 : part.indexOf('-eyJ') + 1
    const isToken = (start > 0 || part.startsWith('eyJ')) && part.length - start >= 8 && (parts[index + 1]?.length ?? 0) >= 5
    kept.push(isToken ? `${part.slice(0, start)}${redacted}` : part)
    if (isToken) index += 2
  }
  return kept.join('.')
}

function isUserAndPassword(token: string): boolean {
  return Buffer.from(token, 'base64').includes(0x3a)
}
