/** What a run is to do. */
export interface BoomOptions {
  readonly url: string
  /** Requests in all; without limit where a duration is given. */
  readonly requests: number
  readonly concurrency: number
  /** Requests per second and worker; 0 means as fast as they are answered. */
  readonly rateLimit: number
  readonly durationMs: number | undefined
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly timeoutMs: number
  readonly isKeepAlive: boolean
  readonly isCsv: boolean
}

/** A usage error, as it is to be printed. */
export class UsageError extends Error {}

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']
const valueFlags = new Set(['n', 'c', 'q', 'z', 'm', 'h', 'H', 't', 'A', 'd', 'T', 'a', 'o', 'cpus'])
const switches = new Set(['allow-insecure', 'disable-compression', 'disable-keepalive', 'readall'])
const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const defaultTimeoutMs = 20_000

/** How it is used, in a few lines. */
export const usage = `Usage: boom [options...] <url>
  -n  requests in all (200)          -c  requests at a time (50)
  -q  rate limit per worker, per s   -z  duration, e.g. 10s; then -n does not count
  -m  method (GET)                   -h, -H  header, name:value (may repeat)
  -d  body                           -T  content type (text/html)
  -A  Accept header                  -a  user:password
  -t  timeout in ms (20000)          -o  csv: a line per request
  -disable-keepalive, -disable-compression, -allow-insecure, -readall, -cpus N`

/** Reads the command line. Flags may stand before and after the URL, with one dash or two. Throws a UsageError. */
export function parseFlags(args: readonly string[]): BoomOptions {
  const values = new Map<string, string[]>()
  const urls: string[] = []
  for (let i = 0; i < args.length; i++) {
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/.exec(args[i]!)
    if (match === null) {
      urls.push(args[i]!)
      continue
    }
    const name = match[1]!
    if (!valueFlags.has(name) && !switches.has(name)) throw new UsageError(`unknown flag ${args[i]}`)
    const value = switches.has(name) ? (match[2] ?? 'true') : (match[2] ?? args[++i])
    if (value === undefined) throw new UsageError(`-${name} needs a value`)
    values.set(name, [...(values.get(name) ?? []), value])
  }
  if (urls.length !== 1) throw new UsageError(urls.length === 0 ? 'no URL given' : `one URL is allowed, not ${urls.length}`)
  return optionsOf(urls[0]!, values)
}

function optionsOf(url: string, values: ReadonlyMap<string, readonly string[]>): BoomOptions {
  const last = (name: string) => values.get(name)?.at(-1)
  const count = (name: string, absent: number) => {
    const text = last(name)
    if (text === undefined) return absent
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`-${name}: ${JSON.stringify(text)} is not a whole number`)
    return Number(text)
  }
  const requests = count('n', 200)
  const concurrency = count('c', 50)
  const durationMs = durationOf(last('z'))
  if (requests < 1 || concurrency < 1) throw new UsageError('-n and -c must be at least 1')
  if (durationMs === undefined && requests < concurrency) throw new UsageError('-n must not be smaller than -c')
  const method = (last('m') ?? 'GET').toUpperCase()
  if (!methods.includes(method)) throw new UsageError(`-m: ${method} is none of ${methods.join(', ')}`)
  const output = last('o')
  if (output !== undefined && output !== 'csv') throw new UsageError(`-o: ${JSON.stringify(output)} is not csv`)
  return {
    url: checkedUrl(url),
    requests: durationMs === undefined ? requests : Number.POSITIVE_INFINITY,
    concurrency,
    rateLimit: count('q', 0),
    durationMs,
    method,
    headers: headersOf(values),
    body: last('d'),
    timeoutMs: count('t', defaultTimeoutMs) || defaultTimeoutMs,
    isKeepAlive: last('disable-keepalive') !== 'true',
    isCsv: output === 'csv',
  }
}

function checkedUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UsageError(`${JSON.stringify(text)} is not an http or https URL`)
  }
  return text
}

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  if (match === null) throw new UsageError(`-z: ${JSON.stringify(text)} is not a duration like 10s`)
  return Number(match[1]) * unitsMs[match[2]!]!
}

function headersOf(values: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': values.get('T')?.at(-1) ?? 'text/html' }
  const accept = values.get('A')?.at(-1)
  if (accept !== undefined) headers['accept'] = accept
  const account = values.get('a')?.at(-1)
  if (account !== undefined) headers['authorization'] = `Basic ${Buffer.from(account).toString('base64')}`
  if (values.get('disable-compression') === undefined) headers['accept-encoding'] = 'gzip'
  for (const line of [...(values.get('h') ?? []), ...(values.get('H') ?? [])].flatMap((text) => text.split(';'))) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new UsageError(`-h: ${JSON.stringify(line)} is not name:value`)
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return headers
}
