import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { ApiSource } from '../cadvisor/api.ts'
import { registerCadvisorApi } from '../cadvisor/routes.ts'
import { registerPage } from '../page/routes.ts'
import { contentTypes, negotiateFormat, type Format } from '../prometheus/exposition.ts'
import type { LogPipeline } from '../logs/app.ts'
import { registerLogs } from '../logs/http.ts'
import { renderLogPage, type PrometheusPages } from '../prometheus/pages.ts'
import { renderResourceMetrics } from '../prometheus/resource-metrics.ts'
import type { Source } from '../source.ts'
import { challengesOf, isAdmitted } from './access.ts'
import type { AccessOptions } from './access.ts'
import { compress } from './compress.ts'
import { findingsJson, renderFindings } from './validate-page.ts'
import { WebServer, type WebReply, type WebRequest } from './web.ts'

export interface ServerOptions extends AccessOptions, ApiSource {
  readonly clock: Clock
  readonly log: Log
  readonly pages: PrometheusPages
  /** The collection of logs, where there is one. */
  readonly logs?: LogPipeline
  readonly nodeName: string
  /** Addresses to listen on. */
  readonly hosts: readonly string[]
  /** 0 takes a free one, the same for all hosts. */
  readonly port: number
  /** Path of the collector's own page for Prometheus, `/metrics` by default. */
  readonly metricsPath?: string
  /** A path in front of everything, such as `/collector`; none by default. What does not start with it is not found. */
  readonly pathPrefix?: string
}

/** The collector's HTTP door, once per host. */
export interface CollectorServer {
  /** Resolves with the addresses (`http://127.0.0.1:4194`) once all listen; rejects, listening nowhere, when one can't. */
  start(): Promise<readonly string[]>
  stop(): Promise<void>
}

/** An HTTP server with everything that the collector serves. */
export function createServer(options: ServerOptions): CollectorServer {
  let instances: WebServer[] = []
  const stop = async () => {
    const closing = instances
    instances = []
    await Promise.all(closing.map((instance) => instance.close()))
  }
  return {
    stop,
    start: async () => {
      let { port } = options
      const addresses: string[] = []
      try {
        for (const host of options.hosts) {
          const instance = buildInstance(options)
          instances.push(instance)
          port = await instance.listen(host, port)
          addresses.push(`${options.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`)
        }
      } catch (error) {
        await stop()
        throw error
      }
      return addresses
    },
  }
}

function buildInstance(options: ServerOptions): WebServer {
  const { tls, log, pathPrefix = '' } = options
  const instance = new WebServer({
    rewritePath: (url) => withoutPrefix(url, pathPrefix),
    isAdmitted: (request) => isAdmitted(request, options),
    challenges: challengesOf(options),
    onFault: (err, path) => log.error({ err, path }, 'a request failed'),
    ...(tls === undefined ? {} : { tls: httpsOptions(tls) }),
  })
  registerPages(instance, options)
  if (options.logs !== undefined) registerLogs(instance, options.logs)
  registerPage(instance, { store: options.source.store, pathPrefix })
  registerCadvisorApi(instance, { ...options, send: sendText })
  return instance
}

/** The path behind the prefix; one that no route has where the prefix is missing. */
function withoutPrefix(url: string, prefix: string): string {
  const rest = url.slice(prefix.length)
  if (!url.startsWith(prefix) || !/^(?:[/?]|$)/.test(rest)) return '/outside-of-the-prefix'
  return rest.startsWith('/') ? rest : `/${rest}`
}

function httpsOptions({ certificate, key, clientCa }: NonNullable<AccessOptions['tls']>) {
  return {
    cert: certificate,
    key,
    minVersion: 'TLSv1.2' as const,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  }
}

function registerPages(instance: WebServer, options: ServerOptions): void {
  const { source, pages, logs, nodeName, metricsPath = '/metrics' } = options
  const get = (path: string, type: string, body: (request: WebRequest) => string | undefined) => {
    instance.get(path, async (request, reply) => {
      const text = body(request)
      if (text === undefined) return reply.code(404).type('text/plain; charset=utf-8').send('no such container\n')
      return sendText(request, reply, type, text)
    })
  }
  const scrape = (path: string, render: (format: Format, query: Record<string, unknown>) => Buffer | Promise<Buffer>) => {
    instance.get(path, async (request, reply) => {
      const format = negotiateFormat(request.headers.accept ?? '')
      return sendText(request, reply, contentTypes[format], await render(format, request.query))
    })
  }
  scrape(metricsPath, async (format, query) =>
    pages.own({ format, withTimestamps: query['timestamps'] === 'true', logs: (await logs?.families()) ?? [] }),
  )
  if (logs !== undefined) scrape('/metrics/logs', async (format) => renderLogPage(format, await logs.families()))
  scrape('/metrics/cadvisor', (format) => pages.cadvisor(format))
  scrape('/metrics/resource', (format) => renderResourceMetrics(source.summary(), format))
  const summary = ({ query }: WebRequest) => JSON.stringify(onlyWanted(source, query))
  get('/stats/summary', 'application/json', summary)
  instance.post('/stats/summary', async (request, reply) => sendText(request, reply, 'application/json', summary(request)))
  get('/healthz', 'text/plain; charset=utf-8', () => 'ok')
  for (const path of ['/validate', '/validate/']) {
    instance.get(path, async (request, reply) => {
      const findings = source.findings()
      if (!wantsJson(request)) return sendText(request, reply, 'text/plain; charset=utf-8', renderFindings(nodeName, findings))
      return sendText(request, reply, 'application/json', JSON.stringify(findingsJson(nodeName, findings)))
    })
  }
}

/** By `?format=json`, or by what the client accepts. */
function wantsJson({ query, headers }: WebRequest): boolean {
  return query['format'] === 'json' || (headers.accept ?? '').startsWith('application/json')
}

/** `?only_cpu_and_memory=true` leaves out all but CPU and memory, as upstream. */
function onlyWanted(source: Source, query: Record<string, unknown>): object {
  const summary = source.summary()
  if (query['only_cpu_and_memory'] !== 'true') return summary
  const { nodeName, startTime, cpu, memory, systemContainers = [] } = summary.node
  const slim = ({ name, startTime: started, cpu: c, memory: m }: (typeof systemContainers)[number]) => ({
    name,
    startTime: started,
    cpu: c,
    memory: m,
  })
  return {
    node: { nodeName, startTime, cpu, memory, systemContainers: systemContainers.map(slim) },
    pods: summary.pods.map((pod) => ({
      podRef: pod.podRef,
      startTime: pod.startTime,
      containers: pod.containers.map(slim),
      cpu: pod.cpu,
      memory: pod.memory,
    })),
  }
}

/** Sends a text, compressed where it is large. */
async function sendText(request: WebRequest, reply: WebReply, type: string, text: string | Buffer): Promise<WebReply> {
  const { body, encoding } = await compress(text, request.headers['accept-encoding'] ?? '')
  reply.type(type).header('vary', 'accept, accept-encoding')
  if (encoding !== undefined) reply.header('content-encoding', encoding)
  return reply.send(body)
}
