import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { ClusterSettings } from '../api/cluster-settings.ts'
import type { KubeObject } from '../api/object.ts'
import type { Transport } from '../client/client.ts'
import type { Store } from '../store/store.ts'
import { createPlugins } from './admission/plugins.ts'
import { ServiceAllocator } from './admission/service-allocator.ts'
import { Aggregation, type FrontProxyClient } from './aggregation/aggregation.ts'
import { Auditor, type AuditSettings } from './audit/auditor.ts'
import { Authenticator } from './auth/authenticator.ts'
import { BootstrapTokens } from './auth/bootstrap-tokens.ts'
import { chainAuthorizers } from './auth/authorizer.ts'
import { NodeAuthorizer } from './auth/node-authorizer.ts'
import { RbacAuthorizer } from './auth/rbac.ts'
import { createReviews } from './auth/reviews.ts'
import { ServiceAccountTokens } from './auth/service-account-tokens.ts'
import { loopbackUser, partUser, type User } from './auth/user.ts'
import { bootstrap } from './bootstrap/bootstrap.ts'
import { RequestMetrics } from './discovery/metrics.ts'
import { createDiscoveryRoute } from './discovery/routes.ts'
import { Handler } from './handler.ts'
import { AnswerWriter } from './http/answer-writer.ts'
import { HttpServer } from './http/http-server.ts'
import type { Core } from './rest/core.ts'
import { Resources } from './rest/resources.ts'
import { createStreams, type KubeletClient } from './streaming/node-streams.ts'
import { createSubresources } from './subresources/subresources.ts'
import { createLocalTransport } from './transport.ts'
import { FlushScheduler } from './watch/flush-scheduler.ts'
import { FrameEncoder } from './watch/frames.ts'

/** What an API server is built from. Certificates, keys and authorities are PEM. */
export interface ApiServerOptions {
  /** Open; whoever opened it stops it, after the server. */
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Addresses to listen on, all at the same port. With port 0 the first one's choice is used for all. */
  readonly hosts: readonly string[]
  readonly port: number
  /** `clientCa` is the authority of client certificates. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string }
  /** How node agents recognise the server, and the authority of their certificates. */
  readonly kubeletClient: KubeletClient
  /** How aggregated API servers recognise the server, and whom it takes for a front proxy itself. */
  readonly frontProxy: FrontProxyClient & { readonly ca: string; readonly allowedNames: readonly string[] }
  /** The key that signs service account tokens (EC P-256 or RSA), and their issuer, a URL. */
  readonly serviceAccount: { readonly signingKey: string; readonly issuer: string }
  readonly serviceCidr: string
  readonly clusterDnsIp: string
  /** What pods are told to reach the server by: the endpoint of `default/kubernetes`. By default the first host and the port. */
  readonly advertise?: { readonly host: string; readonly port?: number }
  readonly staticTokens?: Readonly<Record<string, User>>
  /** Which requests are written down, and where; absent: none. */
  readonly audit?: AuditSettings
  /** The server of metrics.k8s.io; `host` is what its certificate is for, `caBundle` its authority. */
  readonly monitor?: { readonly host: string; readonly port: number; readonly caBundle: string }
  /** What hosts that join have to know of the cluster. */
  readonly settings?: ClusterSettings
}

/** A running (or startable) API server. */
export interface ApiServer {
  /** Makes the first objects, then listens. Rejects with a plain error when an address cannot be had. */
  start(): Promise<void>
  /** Ends every connection and watch. The store stays open. */
  stop(): Promise<void>
  /** Where it listens; known after `start`. */
  readonly address: { readonly host: string; readonly port: number }
  /**
   * The way in for parts of this process, with the rights of `system:masters`; the same rules as over the network, no encoding.
   * Usable as soon as the server is created.
   */
  readonly transport: Transport
  /** The same for one of them under a name of its own, such as `system:kube-scheduler`: the audit log has it. */
  transportAs(name: string): Transport
  /** Makes the first objects without listening; part of `start`. */
  bootstrap(): Promise<void>
}

/** Builds an API server; nothing happens before `start`. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, clock, random, log } = options
  const tokens = new ServiceAccountTokens({ ...options.serviceAccount, clock, random, find: finderOf(store) })
  const authenticator = new Authenticator({
    clientCa: options.tls.clientCa,
    frontProxy: options.frontProxy,
    serviceAccountTokens: tokens,
    bootstrapTokens: new BootstrapTokens({ clock, find: finderOf(store) }),
    ...(options.staticTokens === undefined ? {} : { staticTokens: options.staticTokens }),
  })
  const rbac = new RbacAuthorizer(store)
  const authorizer = chainAuthorizers([new NodeAuthorizer(store), rbac])
  const allocator = new ServiceAllocator({ store, cidr: options.serviceCidr, random })
  const core: Core = { store, clock, random, log, admission: createPlugins({ store, clock, random, authorizer, rbac, allocator }) }
  const aggregation = new Aggregation({ core, client: options.frontProxy })
  const metrics = new RequestMetrics()
  const auditor = options.audit === undefined ? undefined : new Auditor({ ...options.audit, clock, random, log })
  const state = { isReady: false }
  const discovery = createDiscoveryRoute({
    aggregated: aggregation,
    serverAddress: () => `${options.advertise?.host ?? options.hosts[0]}:${http.address.port}`,
    tokens,
    metrics,
    gauges: () => ({ apiserver_storage_objects: store.size, apiserver_storage_revision: store.revision, ...auditor?.gauges() }),
    notReady: () => (state.isReady ? undefined : 'poststarthook/bootstrap'),
  })
  const resources = new Resources({
    core,
    subresources: createSubresources(tokens, createStreams(options.kubeletClient)),
    reviews: createReviews({ authenticator, authorizer, rbac, issuer: options.serviceAccount.issuer, clock }),
  })
  const handler = new Handler({ authorizer, resources, routes: [aggregation, discovery] })
  const writer = new AnswerWriter({ clock, encoder: new FrameEncoder(() => clock.now()), scheduler: new FlushScheduler(clock) })
  const { cert, key, clientCa } = options.tls
  const tls = { cert, key, clientCas: [clientCa, options.frontProxy.ca] }
  const http = new HttpServer({
    hosts: options.hosts,
    port: options.port,
    tls,
    clock,
    log,
    authenticator,
    authorizer,
    handler,
    writer,
    metrics,
    auditor,
  })
  const runBootstrap = (port: number) => bootstrap(core, factsOf(options, port))
  const transportOf = (user: User) => createLocalTransport({ handler, user, clock, auditor })
  return {
    transport: transportOf(loopbackUser),
    transportAs: (name) => transportOf(partUser(name)),
    bootstrap: () => runBootstrap(options.port),
    async start() {
      await http.start()
      await runBootstrap(http.address.port)
      aggregation.start()
      state.isReady = true
    },
    async stop() {
      state.isReady = false
      await aggregation.stop()
      await http.stop()
      await auditor?.stop()
      allocator.stop()
      rbac.stop()
    },
    get address() {
      return http.address
    },
  }
}

/** Objects that tokens name, straight from the store. */
function finderOf(store: Store) {
  return (resource: string, namespace: string, name: string) =>
    store.get(namespace === '' ? `core/${resource}/${name}` : `core/${resource}/${namespace}/${name}`)?.object as KubeObject | undefined
}

function factsOf(options: ApiServerOptions, listening: number) {
  const { clusterDnsIp, serviceCidr, tls, frontProxy, monitor, advertise, hosts, settings } = options
  const octets = serviceCidr.split('/')[0]!.split('.')
  return {
    clusterDnsIp,
    kubernetesIp: [...octets.slice(0, 3), Number(octets[3]) + 1].join('.'),
    advertise: { host: advertise?.host ?? hosts[0]!, port: advertise?.port ?? listening },
    clientCa: tls.clientCa,
    frontProxy: { ca: frontProxy.ca, allowedNames: frontProxy.allowedNames },
    ...(monitor === undefined ? {} : { monitor }),
    ...(settings === undefined ? {} : { settings }),
  }
}
