import type { Clock } from '../../../lib/clock.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { createAuthority, createSigningKey, issueCertificate, type KeyPair } from '../../../lib/pki.ts'
import { systemRandom } from '../../../lib/random.ts'
import { openMemoryStore } from '../../store/memory.ts'
import type { Store } from '../../store/store.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from '../app.ts'

/** Every certificate that a cluster has; slow enough to make them once per test file. */
export interface TestCredentials {
  readonly ca: KeyPair
  readonly frontProxyCa: KeyPair
  readonly server: KeyPair
  readonly admin: KeyPair
  readonly frontProxy: KeyPair
  readonly kubeletClient: KeyPair
  readonly signingKey: string
  /** A client certificate for anybody. */
  readonly issue: (commonName: string, organization?: string) => Promise<KeyPair>
}

/** Makes the credentials of a cluster for tests. */
export async function createTestCredentials(): Promise<TestCredentials> {
  const now = systemClock.now()
  const ca = await createAuthority('test-ca', now)
  const frontProxyCa = await createAuthority('test-front-proxy-ca', now)
  const issue = (commonName: string, organization?: string) =>
    issueCertificate(ca, { commonName, isClient: true, now, ...(organization === undefined ? {} : { organization }) })
  return {
    ca,
    frontProxyCa,
    server: await issueCertificate(ca, { commonName: 'kube-apiserver', isServer: true, hosts: ['localhost', '127.0.0.1'], now }),
    admin: await issue('admin', 'system:masters'),
    frontProxy: await issueCertificate(frontProxyCa, { commonName: 'front-proxy-client', isClient: true, now }),
    kubeletClient: await issue('kube-apiserver-kubelet-client', 'system:masters'),
    signingKey: await createSigningKey(),
    issue,
  }
}

/** A started server on a free port, over a store in memory unless another is given. */
export interface TestServer {
  readonly server: ApiServer
  readonly store: Store
  readonly credentials: TestCredentials
  stop(): Promise<void>
}

/** Starts a server for a test. */
export async function startTestServer(
  credentials: TestCredentials,
  options: Partial<ApiServerOptions> & { readonly clock?: Clock } = {},
): Promise<TestServer> {
  const clock = options.clock ?? systemClock
  const store = options.store ?? (await openMemoryStore({ clock }))
  const server = createApiServer({
    store,
    clock,
    random: systemRandom,
    log: silentLog,
    hosts: ['127.0.0.1'],
    port: 0,
    tls: { ...credentials.server, clientCa: credentials.ca.cert },
    kubeletClient: { ...credentials.kubeletClient, ca: credentials.ca.cert },
    frontProxy: { ...credentials.frontProxy, ca: credentials.frontProxyCa.cert, allowedNames: ['front-proxy-client'] },
    serviceAccount: { signingKey: credentials.signingKey, issuer: 'https://kubernetes.default.svc.cluster.local' },
    serviceCidr: '10.96.0.0/16',
    clusterDnsIp: '10.96.0.10',
    ...options,
  })
  await server.start()
  return {
    server,
    store,
    credentials,
    stop: async () => {
      await server.stop()
      await store.stop()
    },
  }
}
