/** What `wget` or `curl` was asked for, as far as this stand-in knows it. */
export interface FetchOptions {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string | undefined
  readonly timeoutMs: number
  /** `-` for standard output, `undefined` to drop the answer. */
  readonly output: string | undefined
  readonly isQuiet: boolean
  readonly isHeadShown: boolean
  readonly isFailureOnStatus: boolean
  readonly isInsecure: boolean
}

const defaultTimeoutMs = 30_000
const wgetValues = new Set(['O', 'T', 't', 'U'])
const curlValues = new Set(['o', 'm', 'X', 'H', 'd', 'A', 'w'])
const wgetLong = { 'output-document': 'O', timeout: 'T', tries: 't', header: 'H', 'post-data': 'd', quiet: 'q', spider: 'spider' }
const curlLong = {
  output: 'o',
  'max-time': 'm',
  'connect-timeout': 'm',
  request: 'X',
  header: 'H',
  data: 'd',
  silent: 's',
  fail: 'f',
  insecure: 'k',
  head: 'I',
}

/** Reads the command line of `program`. Throws a TypeError that says what is wrong with it. */
export function parseFetchFlags(program: 'wget' | 'curl', args: readonly string[]): FetchOptions {
  const isWget = program === 'wget'
  const flags = readFlags(args, isWget ? { values: wgetValues, long: wgetLong } : { values: curlValues, long: curlLong })
  const last = (name: string) => flags.values.get(name)?.at(-1)
  const [url, ...rest] = flags.urls
  if (url === undefined || rest.length > 0) throw new TypeError(`${program}: give one URL`)
  const seconds = Number(last(isWget ? 'T' : 'm') ?? defaultTimeoutMs / 1000)
  if (!(seconds > 0)) throw new TypeError(`${program}: the timeout must be a positive number of seconds`)
  const body = last('d')
  const isHead = isWget ? flags.values.has('spider') : flags.values.has('I')
  return {
    url: /^[a-z]+:\/\//.test(url) ? url : `http://${url}`,
    method: last('X') ?? (isHead ? 'HEAD' : body === undefined ? 'GET' : 'POST'),
    headers: (flags.values.get('H') ?? []).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    body,
    timeoutMs: seconds * 1000,
    output: outputOf({ isWget, isHead, url, chosen: last(isWget ? 'O' : 'o') }),
    isQuiet: flags.values.has(isWget ? 'q' : 's'),
    isHeadShown: !isWget && (flags.values.has('I') || flags.values.has('i')),
    isFailureOnStatus: isWget || flags.values.has('f'),
    isInsecure: isWget || flags.values.has('k'),
  }
}

function outputOf(from: {
  readonly isWget: boolean
  readonly isHead: boolean
  readonly url: string
  readonly chosen: string | undefined
}): string | undefined {
  if (from.chosen !== undefined) return from.chosen
  if (!from.isWget) return '-'
  return from.isHead ? undefined : (/\/([^/?#]+)(?:[?#].*)?$/.exec(from.url.replace(/^[a-z]+:\/\//, ''))?.[1] ?? 'index.html')
}

interface Flags {
  readonly values: Map<string, string[]>
  readonly urls: string[]
}

function readFlags(
  args: readonly string[],
  known: { readonly values: ReadonlySet<string>; readonly long: Readonly<Record<string, string>> },
): Flags {
  const flags: Flags = { values: new Map(), urls: [] }
  const add = (name: string, value: string) => flags.values.set(name, [...(flags.values.get(name) ?? []), value])
  const takesValue = (name: string) => known.values.has(name) || name === 'H' || name === 'd'
  for (let i = 0; i < args.length; i++) {
    const text = args[i]!
    const long = /^--([\w-]+)(?:=(.*))?$/.exec(text)
    if (long !== null) {
      const name = known.long[long[1]!] ?? long[1]!
      add(name, long[2] ?? (takesValue(name) ? (args[++i] ?? '') : ''))
    } else if (/^-./.test(text)) {
      for (let at = 1; at < text.length; at++) {
        const name = text[at]!
        if (!takesValue(name)) {
          add(name, '')
          continue
        }
        add(name, text.slice(at + 1) || (args[++i] ?? ''))
        break
      }
    } else {
      flags.urls.push(text)
    }
  }
  return flags
}
