import { readFileSync } from 'node:fs'
import type { KeyPair } from '../../lib/pki.ts'
import type { ClusterSettings } from '../../orchestrator/api/cluster-settings.ts'
import type { DataFolder } from '../data-folder.ts'
import { clientPairOf, readJoinedHost, servingPairOf, type JoinedHost } from '../hosts/joined-host.ts'
import { readPair } from '../key-pair.ts'
import { clusterSettingsOf, gatewayOf, podCidrOfNode } from '../network-layout.ts'
import { loopback, UsageError, type ClusterOptions } from '../options.ts'

/** Where a node is: on the host of its cluster's server, or on one that has joined. */
export interface NodePlace {
  /** The API server, `https://HOST:PORT`. */
  readonly server: string
  /** The cluster's authority. */
  readonly ca: string
  /** How the node shows itself to the API server, read anew at each call. */
  readonly client: () => KeyPair
  /** How the node's own server shows itself. */
  readonly serving: () => KeyPair
  readonly settings: ClusterSettings
  /** The host's address on the bridge of its pods. */
  readonly gateway: string
  /** The node's InternalIP. */
  readonly address: string
  /** Where the node agent listens. The first is there from the start, others may come later. */
  readonly hosts: readonly string[]
  /** The API server listens on loopback only: pods need a proxy to it. */
  readonly needsApiProxy: boolean
  /** The range to ask for; `undefined`: any. */
  readonly preferredPodCidr: string | undefined
}

/** A node on the host of the server. Simulated ones have no bridge. */
export function localPlace(
  options: ClusterOptions,
  folder: DataFolder,
  { name, index, isSimulated }: { readonly name: string; readonly index: number | undefined; readonly isSimulated: boolean },
): NodePlace {
  const gateway = gatewayOf(options.podCidr)
  const { advertiseAddress, bindAddress } = options
  const address = advertiseAddress ?? (isSimulated ? loopback : gateway)
  const pair = () => readPair(folder, `node-${name}`)
  return {
    server: `https://${loopback}:${options.ports.api}`,
    ca: readPair(folder, 'ca').cert,
    client: pair,
    serving: pair,
    settings: clusterSettingsOf(options),
    gateway,
    address,
    hosts: bindAddress === '0.0.0.0' ? [bindAddress] : [...new Set([loopback, advertiseAddress === undefined ? address : bindAddress])],
    needsApiProxy: advertiseAddress === undefined,
    preferredPodCidr: index === undefined ? undefined : podCidrOfNode(options.podCidr, index),
  }
}

/** The node of a host that has joined. Its bridge has the first address of its range. */
export function joinedPlace(options: ClusterOptions, folder: DataFolder): NodePlace {
  const { server, nodeName, address, podCidr, settings } = joinedHostOf(options, folder)
  return {
    server,
    ca: readFileSync(folder.path('pki', 'ca.crt'), 'utf8'),
    client: () => readPair(folder, clientPairOf(nodeName)),
    serving: () => readPair(folder, servingPairOf(nodeName)),
    settings,
    gateway: gatewayOf(podCidr),
    address,
    hosts: options.bindAddress === '0.0.0.0' ? [options.bindAddress] : [...new Set([loopback, address])],
    needsApiProxy: false,
    preferredPodCidr: podCidr,
  }
}

function joinedHostOf({ server, nodeName }: ClusterOptions, folder: DataFolder): JoinedHost {
  const host = readJoinedHost(folder)
  if (host === undefined || host.server !== server || host.nodeName !== nodeName)
    throw new UsageError(
      `--server: ${folder.root} has not joined ${server} as ${nodeName}; join with \`binnacle node --server=${server} --token …\``,
    )
  return host
}
