import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Clock } from '../../lib/clock.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { clusterSettingsKey, readClusterSettings, type ClusterSettings } from '../../orchestrator/api/cluster-settings.ts'
import { CoreV1ConfigMap, CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import { isAlreadyExists, isConflict, isNotFound, StatusError } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport, type HttpsTransportOptions } from '../../orchestrator/client/https-transport.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { newNode } from '../../orchestrator/node/node-status/node-object.plan.ts'
import { writeFileAtomically, type DataFolder } from '../data-folder.ts'
import { readPair } from '../key-pair.ts'
import { JoinError } from './join-error.ts'
import { clientPairOf, readJoinedHost, servingPairOf, writeJoinedHost, type JoinedHost } from './joined-host.ts'
import { requestCertificate } from './node-certificate.ts'
import { hostsOf, isOver, rotationTimeOf } from './node-certificate-time.ts'
import { wasNodeRemoved } from './removed-nodes.ts'
import { discoverAuthority, type Token } from './trust.ts'

const rangeWaitMs = 30_000
const pollMs = 100
const connectTimeoutMs = 10_000

export interface HostOptions {
  readonly folder: DataFolder
  readonly clock: Clock
  /** `https://HOST:PORT` */
  readonly server: string
  readonly nodeName: string
  /** Where other hosts reach this one; by default the address from which this host reaches the server. */
  readonly address?: string
}

export interface JoinOptions extends HostOptions {
  readonly token: Token
  /** How to know the cluster: the hash of its authority's key, or the authority itself. */
  readonly trust: { readonly hash: string } | { readonly authority: string }
}

/**
 * Makes this host a node of a running cluster: the token gets it a certificate, with which it registers its Node, is given its range of the pod
 * network and a certificate for its own server. All of it is kept in the data folder. Throws a `JoinError`.
 */
export async function joinCluster(options: JoinOptions): Promise<JoinedHost> {
  const { folder, clock, server, nodeName, token, trust } = options
  mkdirSync(folder.path('pki'), { recursive: true, mode: 0o700 })
  const authority =
    'authority' in trust
      ? trust.authority
      : await withClient(options, { isInsecure: true }, (client) => discoverAuthority(client, token, trust.hash))
  const pair = await withClient(options, { ca: authority, token: `${token.id}.${token.secret}` }, (client) =>
    requestCertificate({ client, clock, nodeName, purpose: 'client' }),
  )
  return withClient(options, { ca: authority, ...pair }, async (client) => {
    const known = await findNode(client, nodeName)
    const before = readJoinedHost(folder)
    const isOwn = before?.nodeName === nodeName && before.server === server
    if (!isOwn && known?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true) {
      throw new JoinError(
        `--name: ${JSON.stringify(nodeName)} is in the cluster already, and ready: choose another name, or remove that node`,
      )
    }
    writeFileAtomically(folder.path('pki', 'ca.crt'), authority)
    writePair(folder, clientPairOf(nodeName), pair)
    return takePart(client, options)
  })
}

/**
 * What a host that has joined does at each start and when a certificate is due: certificates near their end are replaced, the cluster's settings read anew.
 * Where the server cannot be reached the host goes on with what it has. Throws a `JoinError` where that is not enough.
 */
export async function refreshHost(options: HostOptions): Promise<JoinedHost> {
  const { folder, clock, nodeName, server } = options
  const joined = readJoinedHost(folder)
  const file = clientPairOf(nodeName)
  if (joined === undefined || !existsSync(folder.path('pki', `${file}.key`)))
    throw new JoinError(`${folder.root} has not joined ${server} as ${nodeName} yet: --token and --ca-hash are needed`)
  const pair = readPair(folder, file)
  if (isOver(pair.cert, clock.now()))
    throw new JoinError(`the certificate of node ${nodeName} has run out: join again with --token and --ca-hash`)
  const ca = readFileSync(folder.path('pki', 'ca.crt'), 'utf8')
  try {
    return await withClient(options, { ca, ...pair }, async (client) => {
      if (await wasNodeRemoved(client, { name: nodeName, uid: joined.nodeUid })) {
        writeJoinedHost(folder, { ...joined, isRemoved: true })
        throw new JoinError(`node ${nodeName} was removed from the cluster; to join again it needs --token and --ca-hash`)
      }
      if (rotationTimeOf(pair.cert) <= clock.now())
        writePair(folder, file, await requestCertificate({ client, clock, nodeName, purpose: 'client' }))
      return takePart(client, options)
    })
  } catch (error) {
    // A server that is away comes back; what is there is good until then.
    const hasServing = existsSync(folder.path('pki', `${servingPairOf(nodeName)}.key`))
    if (error instanceof JoinError && error.cause === undefined) throw error
    if (!hasServing) throw error
    return joined
  }
}

/** With a certificate of its own: registers, waits for the range of the pod network, and gets the certificate of its server. */
async function takePart(client: Client, options: HostOptions): Promise<JoinedHost> {
  const { folder, clock, server, nodeName } = options
  const address = options.address ?? (await ownAddressTowards(server))
  const settings: ClusterSettings = readClusterSettings(await client.get(CoreV1ConfigMap, clusterSettingsKey))
  const before = readJoinedHost(folder)
  await register(client, nodeName, { address, podCidr: before?.podCidr })
  const { podCidr, nodeUid } = await untilRange(client, nodeName, clock)
  await ensureServing(client, options, address)
  const host: JoinedHost = { server, nodeName, address, nodeUid, podCidr, settings }
  writeJoinedHost(folder, host)
  return host
}

/** The Node has to tell the address before a certificate for it is approved; the agent tells everything else. */
async function register(
  client: Client,
  name: string,
  { address, podCidr }: { address: string; podCidr: string | undefined },
): Promise<void> {
  const addresses = [
    { type: 'InternalIP', address },
    { type: 'Hostname', address: name },
  ]
  for (;;) {
    try {
      const node = (await findNode(client, name)) ?? (await client.create(CoreV1Node, newNode(name, {}, podCidr)))
      if (node.status?.addresses?.some((each) => each.type === 'InternalIP' && each.address === address) === true) return
      await client.updateStatus(CoreV1Node, { ...node, status: { ...node.status, addresses } })
      return
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error) && !isNotFound(error)) throw error
    }
  }
}

async function untilRange(client: Client, name: string, clock: Clock): Promise<Pick<JoinedHost, 'podCidr' | 'nodeUid'>> {
  const deadline = clock.monotonic() + rangeWaitMs
  for (;;) {
    const node = await findNode(client, name)
    if (node?.spec?.podCIDR) return { podCidr: node.spec.podCIDR, nodeUid: node.metadata.uid! }
    if (clock.monotonic() > deadline)
      throw new JoinError(`the cluster has no range of its pod network left for node ${name}: see \`kubectl describe node ${name}\``)
    await clock.sleep(pollMs)
  }
}

async function ensureServing(client: Client, { folder, clock, nodeName }: HostOptions, address: string): Promise<void> {
  const file = servingPairOf(nodeName)
  if (existsSync(folder.path('pki', `${file}.key`))) {
    const { cert } = readPair(folder, file)
    if (rotationTimeOf(cert) > clock.now() && hostsOf(cert).includes(address)) return
  }
  const hosts = { dnsNames: [nodeName], ipAddresses: [address] }
  writePair(folder, file, await requestCertificate({ client, clock, nodeName, purpose: 'serving', hosts }))
}

function writePair(folder: DataFolder, name: string, { cert, key }: KeyPair): void {
  writeFileAtomically(folder.path('pki', `${name}.key`), key)
  writeFileAtomically(folder.path('pki', `${name}.crt`), cert)
}

async function findNode(client: Client, name: string): Promise<CoreV1Node | undefined> {
  return client.get(CoreV1Node, { name }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined
    throw error
  })
}

/** The address that this host has on its way to the server. */
function ownAddressTowards(server: string): Promise<string> {
  const { hostname, port } = new URL(server)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port || 443), timeout: connectTimeoutMs, family: 4 })
    const end = (act: () => void) => {
      act()
      socket.destroy()
    }
    socket.on('connect', () => end(() => resolve(socket.localAddress!)))
    socket.on('timeout', () => end(() => reject(new Error('no answer'))))
    socket.on('error', (error) => end(() => reject(error)))
  })
}

type Credentials = Pick<HttpsTransportOptions, 'ca' | 'cert' | 'key' | 'token' | 'isInsecure'>

async function withClient<T>({ server, clock }: HostOptions, credentials: Credentials, work: (client: Client) => Promise<T>): Promise<T> {
  const transport = createHttpsTransport({ server, ...credentials, clock, timeoutMs: connectTimeoutMs, userAgent: 'binnacle-join' })
  try {
    return await work(createClient(transport))
  } catch (error) {
    throw explain(error, server, credentials)
  } finally {
    transport.close()
  }
}

const certificateCodes = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
])

function explain(error: unknown, server: string, { token }: Credentials): unknown {
  if (error instanceof JoinError) return error
  const { code, message } = error as { readonly code?: string; readonly message: string }
  if (token !== undefined && error instanceof StatusError && (error.status.code === 401 || error.status.code === 403))
    return new JoinError('--token: the cluster refuses it: it is wrong, was deleted, or its time is over')
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { hostname } = new URL(server)
    return new JoinError(
      `--server: the certificate at ${server} is not for ${hostname}: start the server with --advertise-address or --tls-san=${hostname}`,
    )
  }
  if (code !== undefined && certificateCodes.has(code))
    return new JoinError(`--server: the certificate at ${server} is not signed by the cluster's authority: ${message}`)
  return new JoinError(`${server}: ${message}`, { cause: error })
}
