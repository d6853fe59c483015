import { readFileSync } from 'node:fs'
import { signCertificateRequest } from '../../lib/certificate-request.ts'
import { systemClock } from '../../lib/clock.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { systemRandom } from '../../lib/random.ts'
import { createApiServer, type ApiServerOptions } from '../../orchestrator/apiserver/app.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { createControllers, type ControllersOptions } from '../../orchestrator/controllers/app.ts'
import { createScheduler } from '../../orchestrator/scheduler/app.ts'
import { openSqliteStore } from '../../orchestrator/store/sqlite.ts'
import { auditSettings } from '../audit.ts'
import { sealingOf } from '../encryption.ts'
import { readPair } from '../key-pair.ts'
import { clusterSettingsOf, gatewayOf, serviceAddress } from '../network-layout.ts'
import { loopback, type ClusterOptions } from '../options.ts'
import { runProcess, type Process, type ProcessContext } from './lifecycle.ts'

/** The port of the proxy through which pods reach the API server, on their gateway's address. */
const apiProxyPort = 6443
const dnsPort = 53

/** `binnacle server`: store, API server, scheduler and controllers in one process. Resolves with the exit code. */
export function runServer(options: ClusterOptions): Promise<number> {
  return runProcess('server', options, buildServer, true)
}

async function buildServer({ options, folder, log }: ProcessContext): Promise<Process> {
  const { serviceCidr } = options
  const shared = { clock: systemClock, random: systemRandom }
  const authority = readPair(folder, 'ca')
  const ca = authority.cert
  const store = await openSqliteStore({ folder: folder.path('store'), clock: systemClock, sealing: sealingOf(options, folder) })
  const audit = auditSettings({ options, folder, clock: systemClock, log: log.child({ part: 'audit' }) })
  const server = createApiServer(apiServerOptions({ options, folder, log }, { store, authority, audit }))
  const client = createClient(server.transport)
  const informers = createInformerFactory({ client, ...shared, log: log.child({ part: 'informers' }) })
  const clientAs = (name: string) => createClient(server.transportAs(name))
  const clientOf = (account: string) => clientAs(`system:serviceaccount:kube-system:${account}`)
  const scheduler = createScheduler({
    client: clientAs('system:kube-scheduler'),
    informers,
    ...shared,
    log: log.child({ part: 'scheduler' }),
    ...(await schedulingOf(options)),
  })
  const controllers = createControllers({
    client,
    clientOf,
    informers,
    ...shared,
    log: log.child({ part: 'controllers' }),
    rootCa: ca,
    csiEndpoints: options.nodeAgent.csiEndpoints,
    signCertificate: (terms) => signCertificateRequest(authority, terms),
    podRanges: { podCidr: options.podCidr, firstNode: options.nodeName, goesBeyond: options.runtime === 'simulated' },
    nodeGracePeriodMs: options.nodeGracePeriodMs,
    ...(options.hasServiceLb ? { loadBalancers: loadBalancersOf(options) } : {}),
    reservedAddresses: [gatewayOf(options.podCidr), serviceAddress(serviceCidr, 1), options.advertiseAddress ?? loopback],
    autoscaler: { downscaleStabilizationMs: options.downscaleStabilizationMs },
  })
  const abort = new AbortController()
  const { nodes: autoscaled, cloudConfig } = options.autoscaler
  // Loaded only where nodes come and go: it takes memory.
  const load = autoscaled === undefined && cloudConfig === undefined ? undefined : import('../autoscaling.ts')
  const autoscaling = (await load)?.createAutoscaling({
    options,
    folder,
    client: clientOf('cluster-autoscaler'),
    informers,
    ...shared,
    log: log.child({ part: 'autoscaler' }),
    signal: abort.signal,
  })
  let running: Promise<unknown> | undefined
  return {
    start: async () => {
      await server.start()
      const parts = [informers, scheduler, controllers, ...(autoscaling === undefined ? [] : [autoscaling])]
      running = Promise.all(parts.map((part) => part.run(abort.signal)))
    },
    stop: async () => {
      abort.abort()
      await running
      await server.stop()
      await store.stop()
    },
  }
}

function apiServerOptions(
  { options, folder, log }: ProcessContext,
  parts: { readonly store: ApiServerOptions['store']; readonly authority: KeyPair; readonly audit: ApiServerOptions['audit'] | undefined },
): ApiServerOptions {
  const { store, audit } = parts
  const { ports } = options
  const ca = parts.authority.cert
  const settings = clusterSettingsOf(options)
  return {
    store,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'apiserver' }),
    hosts: listenersOf(options),
    port: ports.api,
    tls: { ...readPair(folder, 'apiserver'), clientCa: ca },
    kubeletClient: { ...readPair(folder, 'apiserver-kubelet-client'), ca },
    frontProxy: {
      ...readPair(folder, 'front-proxy-client'),
      ca: readPair(folder, 'front-proxy-ca').cert,
      allowedNames: ['front-proxy-client'],
    },
    serviceAccount: {
      signingKey: readFileSync(folder.path('pki', 'sa.key'), 'utf8'),
      issuer: 'https://kubernetes.default.svc.cluster.local',
    },
    serviceCidr: options.serviceCidr,
    clusterDnsIp: settings.clusterDns,
    advertise: advertisedAt(options),
    settings,
    ...(audit === undefined ? {} : { audit }),
    monitor: { host: 'localhost', port: ports.metricsApi, caBundle: ca },
  }
}

/** Nodes' addresses once others reach them, without the ports that the stack itself has there; agents of one host count theirs up. */
function loadBalancersOf({ advertiseAddress, ports, nodes }: ClusterOptions): ControllersOptions['loadBalancers'] {
  if (advertiseAddress === undefined) return { kind: 'cluster-addresses' }
  const agents = Array.from({ length: nodes }, (_, index) => ports.nodeAgent + index)
  return { kind: 'nodes', reservedPorts: [dnsPort, apiProxyPort, ports.api, ...agents] }
}

/** Loaded only where there is a file: it takes memory. */
const schedulingOf = async ({ schedulerConfig }: ClusterOptions) =>
  schedulerConfig === undefined ? {} : (await import('../scheduler-configuration.ts')).schedulerSettings(schedulerConfig)

/** Loopback is always there: the parts of the stack on this machine use it. */
function listenersOf({ bindAddress }: ClusterOptions): string[] {
  return bindAddress === '0.0.0.0' ? [bindAddress] : [...new Set([loopback, bindAddress])]
}

/** Where pods reach the API server: through the proxy on their bridge, unless it listens where they get by themselves. */
function advertisedAt({ advertiseAddress, runtime, podCidr, ports }: ClusterOptions): { readonly host: string; readonly port: number } {
  if (advertiseAddress !== undefined) return { host: advertiseAddress, port: ports.api }
  return runtime === 'docker' ? { host: gatewayOf(podCidr), port: apiProxyPort } : { host: loopback, port: ports.api }
}
