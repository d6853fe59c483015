import type { ApiregistrationV1APIService } from '../../api/generated/kinds.ts'
import type { ExtraGroupVersion } from '../../api/discovery.ts'
import { unavailable } from '../../api/status-error.ts'
import type { AggregatedApis } from '../discovery/routes.ts'
import type { Route } from '../handler.ts'
import type { ApiRequest } from '../request.ts'
import type { Core } from '../rest/core.ts'
import { pickEndpoint } from '../streaming/service-backend.ts'
import { type Backend, tunnel } from '../streaming/tunnel.ts'
import { loopbackUser, type User } from '../auth/user.ts'
import { Availability } from './availability.ts'

/** How the server shows itself to those that it passes requests on to, PEM. */
export interface FrontProxyClient {
  readonly cert: string
  readonly key: string
}

const prefix = 'apiregistration.k8s.io/apiservices/'

/** Passes whole API groups on to the services that APIService objects name, with the user in headers that only we can send. */
export class Aggregation implements Route, AggregatedApis {
  readonly #core: Core
  readonly #client: FrontProxyClient
  readonly #availability: Availability
  #byGroupVersion = new Map<string, ApiregistrationV1APIService>()
  #unsubscribe = () => {}

  constructor(options: { readonly core: Core; readonly client: FrontProxyClient }) {
    this.#core = options.core
    this.#client = options.client
    this.#availability = new Availability({
      core: options.core,
      probe: (service) => tunnel(() => this.#backendOf(service, probeRequest(service), loopbackUser)).request(undefined),
    })
  }

  start(): void {
    const { store } = this.#core
    this.#read()
    this.#unsubscribe = store.watch(prefix, store.revision, { changed: () => this.#read(), closed: () => {} })
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    await this.#availability.stop()
  }

  passesOn({ group, version, path }: { readonly group: string; readonly version: string; readonly path: string }): boolean {
    return this.#find(group, version, path) !== undefined
  }

  answer(request: ApiRequest) {
    const { group, version, path, method } = request.info
    const service = this.#find(group, version, path)
    if (service === undefined) return undefined
    const query = request.query.size === 0 ? '' : `?${request.query.toString()}`
    return tunnel(
      () => this.#backendOf(service, { path: `${path}${query}`, method }, request.user),
      () => this.#availability.check(service),
    )
  }

  extras(): readonly ExtraGroupVersion[] {
    return [...this.#byGroupVersion.values()].map((service) => this.#availability.announcementOf(service))
  }

  async openApiV3(groupVersionPath: string): Promise<object | undefined> {
    const [, group = '', version = ''] = groupVersionPath.split('/')
    const service = this.#byGroupVersion.get(`${group}/${version}`)
    if (service === undefined) return undefined
    const path = `/openapi/v3/${groupVersionPath}`
    try {
      return (await tunnel(() => this.#backendOf(service, { path, method: 'GET' }, loopbackUser)).request(undefined)) as object
    } catch {
      // A server that has no document of its own still has kinds: without a schema clients skip their checks.
      return { openapi: '3.0.0', info: { title: groupVersionPath, version: 'unversioned' }, paths: {}, components: { schemas: {} } }
    }
  }

  #read(): void {
    const entries = this.#core.store.list(prefix).entries.map(({ object }) => object as ApiregistrationV1APIService)
    const remote = entries.filter(({ spec }) => spec?.service !== undefined && spec.group && spec.version)
    this.#byGroupVersion = new Map(remote.map((service) => [`${service.spec.group}/${service.spec.version}`, service]))
    this.#availability.follow(remote)
  }

  /** The APIService behind a request: by its resource's group version, or by the path of that version's discovery. */
  #find(group: string, version: string, path: string): ApiregistrationV1APIService | undefined {
    if (this.#byGroupVersion.size === 0) return undefined
    if (version !== '') return this.#byGroupVersion.get(`${group}/${version}`)
    const [root, pathGroup, pathVersion] = path.split('/').slice(1)
    return root === 'apis' && pathVersion ? this.#byGroupVersion.get(`${pathGroup}/${pathVersion}`) : undefined
  }

  #backendOf(
    { spec, metadata }: ApiregistrationV1APIService,
    { path, method }: { readonly path: string; readonly method: string },
    user: User,
  ): Backend {
    const { name = '', namespace = '', port } = spec.service!
    const address = pickEndpoint(this.#core, { name, namespace }, port === undefined ? '' : String(port))
    if (address === undefined)
      throw unavailable(`no endpoints available for service ${JSON.stringify(name)} of APIService ${JSON.stringify(metadata.name)}`)
    const isAddress = /^[\d.]+$|:/.test(address.host)
    const ca = spec.caBundle ? Buffer.from(spec.caBundle, 'base64').toString() : undefined
    return {
      ...address,
      path,
      method,
      headers: userHeaders(user),
      tls: {
        ...this.#client,
        ...(ca === undefined ? {} : { ca }),
        // Pods serve under their service's name; an external host under its own.
        servername: isAddress ? `${name}.${namespace}.svc` : address.host,
        rejectUnauthorized: spec.insecureSkipTLSVerify !== true,
      },
    }
  }
}

function probeRequest({ spec }: ApiregistrationV1APIService): { readonly path: string; readonly method: string } {
  return { path: `/apis/${spec.group}/${spec.version}`, method: 'GET' }
}

/** Whom the request is from. Header values that HTTP cannot carry are percent-encoded. */
function userHeaders({ name, uid, groups, extra = {} }: User): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'X-Remote-User': safe(name), 'X-Remote-Group': groups.map(safe) }
  if (uid !== undefined) headers['X-Remote-Uid'] = safe(uid)
  for (const [key, values] of Object.entries(extra)) headers[`X-Remote-Extra-${encodeURIComponent(key)}`] = values.map(safe)
  return headers
}

const safe = (value: string) => value.replaceAll(/[^\x20-\x7e]/g, (character) => encodeURIComponent(character))
