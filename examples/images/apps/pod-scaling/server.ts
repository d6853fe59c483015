import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { hostname, networkInterfaces } from 'node:os'
import { renderPage } from './page.ts'
import { burnCpu } from './work.ts'

export interface DemoServerOptions {
  readonly title: string
  readonly colour: string
  readonly version: string
  /** The environment whose Kubernetes facts are shown. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Processor time of each page. */
  readonly cpuMillisecondsPerPage: number
}

/**
 * The demo's web server: `/` is a page about the container and costs processor time, `/json` the same facts without that cost,
 * `/healthz` says ok.
 */
export function createDemoServer(options: DemoServerOptions): Server {
  const { title, colour, version, env, cpuMillisecondsPerPage } = options
  const startedAt = performance.now()
  let requests = 0
  const rows = (): [string, string][] => [
    ['Container host name', hostname()],
    ['Container address', addresses().join(', ')],
    ['Requests served here', String(requests)],
    ['Up for', `${Math.round((performance.now() - startedAt) / 1000)} s`],
    ['Node.js', process.version],
    ...Object.entries(env)
      .filter(([name]) => name.startsWith('KUBERNETES_') || /_SERVICE_(HOST|PORT)$/.test(name))
      .sort(([left], [right]) => left.localeCompare(right))
      .map(([name, value = '']): [string, string] => [name, value]),
  ]
  return createServer((request, response) => {
    request.on('error', () => {})
    response.on('error', () => {})
    request.resume()
    const path = (request.url ?? '/').split('?')[0]
    if (path === '/healthz') return void response.end('ok\n')
    if (path === '/json') {
      return void response
        .setHeader('content-type', 'application/json')
        .end(`${JSON.stringify({ version, ...Object.fromEntries(rows()) })}\n`)
    }
    if (path !== '/') return void response.writeHead(404).end('not found\n')
    requests++
    burnCpu(cpuMillisecondsPerPage)
    response.setHeader('content-type', 'text/html; charset=utf-8').end(renderPage({ title, colour, version, rows: rows() }))
  })
}

function addresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
}
