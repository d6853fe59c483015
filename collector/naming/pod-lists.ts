import { readFile } from 'node:fs/promises'

/** Where a list of the node's pods comes from: resolves to a `v1.PodList`, rejects when there is none now. */
export type PodList = (signal: AbortSignal) => Promise<unknown>

export interface KubeletOptions {
  /** `https://127.0.0.1:10250`, with or without the path `/pods`. */
  readonly url: string
  /** Asked before each request, since mounted tokens change. */
  readonly token?: () => Promise<string>
  /** PEM of the authority that signed the kubelet's certificate; kubelets mostly sign their own. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Take any certificate. */
  readonly isInsecure?: boolean
}

const timeoutMs = 5000

/** An answer larger than this is no list of one node's pods. */
const maxBytes = 64 * 1024 * 1024

/** Asks a kubelet, or our node agent, which pods it runs. */
export function podListFromKubelet(options: KubeletOptions): PodList {
  const url = new URL(options.url)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new RangeError(`url: ${options.url} is not allowed, only https and http`)
  if (url.pathname === '/') url.pathname = '/pods'
  return async (signal) => {
    const token = await options.token?.()
    return JSON.parse(await fetchText(url, options, token, signal)) as unknown
  }
}

/** Reads a list from a file that someone else keeps fresh. */
export function podListFromFile(path: string): PodList {
  return async (signal) => JSON.parse(await readFile(path, { encoding: 'utf8', signal })) as unknown
}

async function fetchText(
  url: URL,
  { ca, cert, key, isInsecure = false }: KubeletOptions,
  token: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  // As an import, `node:http` brings Node's whole HTTP client along, also where no kubelet is asked.
  const send = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http').request
  const options = {
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token.trim()}` }) },
    rejectUnauthorized: !isInsecure,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = send(url, options, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > maxBytes) outgoing.destroy(new Error(`${url.href}: the answer is larger than ${maxBytes} bytes`))
      })
      response.on('end', () => {
        if (response.statusCode === 200) return resolve(Buffer.concat(chunks).toString('utf8'))
        reject(new Error(`${url.href}: status ${response.statusCode}`))
      })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
