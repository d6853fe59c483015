import type { CoreV1Node, CoreV1Pod, CoreV1PodSpec } from '../../api/generated/kinds.ts'
import { badRequest, methodNotAllowed, notFound, unavailable } from '../../api/status-error.ts'
import type { Answer, ApiRequest } from '../request.ts'
import type { Core, Target } from '../rest/core.ts'
import type { SubresourceHandler } from '../rest/resources.ts'
import { serviceBackend } from './service-backend.ts'
import { type Backend, type BackendTls, tunnel } from './tunnel.ts'

/** How the server shows itself to node agents, PEM. */
export interface KubeletClient {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

const defaultKubeletPort = 10_250

/** The subresources that a node agent, a pod or a service answers. */
export function createStreams(kubelet: KubeletClient): Readonly<Record<string, SubresourceHandler>> {
  const tls: BackendTls = { ...kubelet, rejectUnauthorized: true }
  const perContainer =
    (path: string): SubresourceHandler =>
    async (core, target, request) => {
      const { pod, node } = locate(core, target)
      if (!['get', 'create'].includes(request.info.verb)) throw methodNotAllowed(target.view.declaration.kind, request.info.method)
      if (node === undefined) {
        if (path === 'containerLogs') return { type: 'bytes', code: 200, contentType: 'text/plain', bytes: '' }
        throw badRequest(`pod ${target.name} does not have a host assigned`)
      }
      const container = containerOf(pod, request.query.get('container') ?? '')
      const query = path === 'containerLogs' ? logQuery(request.query) : streamQuery(request.query)
      const place = [path, target.namespace, target.name, container].map(encodeURIComponent).join('/')
      return tunnel(() => ({
        ...nodeBackend(core, { node, path: `/${place}?${query}`, method: request.info.method, tls }),
        refusesInWords: true,
      }))
    }

  return {
    'pods/log': perContainer('containerLogs'),
    'pods/exec': perContainer('exec'),
    'pods/attach': perContainer('attach'),
    'pods/portforward': async (core, target, request) => {
      const { node } = locate(core, target)
      if (node === undefined) throw badRequest(`pod ${target.name} does not have a host assigned`)
      const place = ['portForward', target.namespace, target.name].map(encodeURIComponent).join('/')
      return tunnel(() => nodeBackend(core, { node, path: `/${place}?${request.query.toString()}`, method: request.info.method, tls }))
    },
    'pods/proxy': async (core, target, request) => podProxy(core, target, request),
    'services/proxy': async (core, target, request) => tunnel(() => serviceBackend(core, target, request)),
    'nodes/proxy': async (core, target, request) => {
      const [name = '', port] = target.name.split(':')
      const path = `${request.info.rest || '/'}${queryText(request)}`
      return tunnel(() =>
        nodeBackend(core, { node: name, path, method: request.info.method, tls, ...(port === undefined ? {} : { port: Number(port) }) }),
      )
    },
  }
}

const queryText = ({ query }: ApiRequest) => (query.size === 0 ? '' : `?${query.toString()}`)

function locate({ store }: Core, { view, namespace, name }: Target): { readonly pod: CoreV1Pod; readonly node: string | undefined } {
  const pod = store.get(view.keyOf(namespace, name))?.object as CoreV1Pod | undefined
  if (pod === undefined) throw notFound(view.declaration.kind, name)
  return { pod, node: pod.spec?.nodeName || undefined }
}

/** The container that a request is about; with only one it need not be named. */
function containerOf({ spec, metadata }: CoreV1Pod, named: string): string {
  const names = namesOf(spec)
  if (named !== '') {
    if (!names.includes(named)) throw badRequest(`container ${named} is not valid for pod ${metadata.name}`)
    return named
  }
  const main = spec?.containers ?? []
  if (main.length === 1) return main[0]!.name
  throw badRequest(`a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]`)
}

function namesOf(spec: CoreV1PodSpec | undefined): string[] {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? []), ...(spec?.ephemeralContainers ?? [])].map(({ name }) => name)
}

function logQuery(query: URLSearchParams): string {
  const passed = new URLSearchParams(query)
  passed.delete('container')
  for (const name of ['tailLines', 'sinceSeconds', 'limitBytes']) {
    const value = passed.get(name)
    if (value !== null && !/^\d+$/.test(value))
      throw badRequest(`${name}: Invalid value: ${JSON.stringify(value)}: must be greater than or equal to 0`)
  }
  return passed.toString()
}

/** The node agent has its own names for the streams. */
const streamNames: Readonly<Record<string, string>> = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' }

function streamQuery(query: URLSearchParams): string {
  const passed = new URLSearchParams()
  for (const [name, value] of query) {
    const stream = streamNames[name]
    if (stream === undefined) {
      if (name !== 'container') passed.append(name, value)
    } else if (value === 'true' || value === '1') passed.append(stream, '1')
  }
  return passed.toString()
}

interface NodeRequest {
  readonly node: string
  readonly path: string
  readonly method: string
  readonly tls: BackendTls
  readonly port?: number
}

/** Where a node's agent is reached, as its Node says. */
function nodeBackend({ store }: Core, { node, path, method, tls, port }: NodeRequest): Backend {
  const found = store.get(`core/nodes/${node}`)?.object as CoreV1Node | undefined
  if (found === undefined) throw notFound({ group: '', plural: 'nodes' }, node)
  const addresses = found.status?.addresses ?? []
  const host = ['InternalIP', 'ExternalIP', 'Hostname']
    .map((type) => addresses.find((address) => address.type === type)?.address)
    .find((address) => address !== undefined)
  if (host === undefined) throw unavailable(`no preferred addresses found for node ${JSON.stringify(node)}; known addresses: []`)
  const { status } = found as { readonly status?: { readonly daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: number } } } }
  return { host, port: port ?? status?.daemonEndpoints?.kubeletEndpoint?.Port ?? defaultKubeletPort, path, method, headers: {}, tls }
}

function podProxy(core: Core, target: Target, request: ApiRequest): Answer {
  const [scheme, name, port] = splitProxyName(request.info.name)
  const { pod } = locate(core, { ...target, name })
  const ip = pod.status?.podIP
  if (!ip) throw unavailable(`pod ${name} has no address yet`)
  const backend: Backend = {
    host: ip,
    port: portOfPod(pod, port),
    path: `${request.info.rest || '/'}${queryText(request)}`,
    method: request.info.method,
    headers: {},
    ...(scheme === 'https' ? { tls: { rejectUnauthorized: false } } : {}),
  }
  return tunnel(() => backend)
}

/** `[scheme:]name[:port]`, as names of proxied pods and services are written. */
export function splitProxyName(text: string): [scheme: string, name: string, port: string] {
  const parts = text.split(':')
  if (parts.length === 1) return ['http', parts[0]!, '']
  if (parts.length === 2) return ['http', parts[0]!, parts[1]!]
  return [parts[0] === '' ? 'http' : parts[0]!, parts[1]!, parts[2]!]
}

function portOfPod({ spec, metadata }: CoreV1Pod, port: string): number {
  if (/^\d+$/.test(port)) return Number(port)
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? [])
  const found = port === '' ? ports[0] : ports.find((candidate) => candidate.name === port)
  if (found === undefined && port !== '') throw badRequest(`pod ${metadata.name} has no port named ${JSON.stringify(port)}`)
  return found?.containerPort ?? 80
}
