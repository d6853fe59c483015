import type { CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { notFound, unavailable } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import type { Random } from '../../../lib/random.ts'
import type { ApiRequest } from '../request.ts'
import type { Core, Target } from '../rest/core.ts'
import { splitProxyName } from './node-streams.ts'
import type { Backend } from './tunnel.ts'

/** An address at which a service answers. */
export interface ServiceAddress {
  readonly host: string
  readonly port: number
}

/** One of a service's ready endpoints, at random; `port` is a name, a number or '' for the only one. `undefined` when there is none. */
export function pickEndpoint(
  core: { readonly store: Store; readonly random: Random },
  service: { readonly namespace: string; readonly name: string },
  port: string,
): ServiceAddress | undefined {
  const { namespace, name } = service
  const object = core.store.get(`core/services/${namespace}/${name}`)?.object as CoreV1Service | undefined
  const servicePorts = object?.spec?.ports ?? []
  const servicePort =
    port === '' ? servicePorts[0] : servicePorts.find((candidate) => candidate.name === port || String(candidate.port) === port)
  if (object?.spec?.type === 'ExternalName') {
    const number = servicePort?.port ?? Number(port)
    return object.spec.externalName === undefined || !(number > 0) ? undefined : { host: object.spec.externalName, port: number }
  }
  if (servicePort === undefined) return undefined
  const ready = core.store
    .list(`discovery.k8s.io/endpointslices/${namespace}/`)
    .entries.map((entry) => entry.object as DiscoveryV1EndpointSlice)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
    .flatMap(({ endpoints, ports = [] }) => {
      const target = (ports ?? []).find((candidate) => (candidate.name ?? '') === (servicePort.name ?? ''))?.port
      const usable = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
      return target === undefined ? [] : usable.flatMap(({ addresses }) => addresses.map((host) => ({ host, port: target })))
    })
  return ready[Math.floor(core.random.fraction() * ready.length)]
}

/** Where a request on `services/proxy` goes. Throws 404 or 503. */
export function serviceBackend(core: Core, { view, namespace }: Target, request: ApiRequest): Backend {
  const { info, query } = request
  const [scheme, name, port] = splitProxyName(info.name)
  if (core.store.get(view.keyOf(namespace, name)) === undefined) throw notFound(view.declaration.kind, name)
  const address = pickEndpoint(core, { namespace, name }, port)
  if (address === undefined) throw unavailable(`no endpoints available for service ${JSON.stringify(info.name)}`)
  const path = `${info.rest || '/'}${query.size === 0 ? '' : `?${query.toString()}`}`
  return { ...address, path, method: info.method, headers: {}, ...(scheme === 'https' ? { tls: { rejectUnauthorized: false } } : {}) }
}
