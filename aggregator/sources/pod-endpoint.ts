import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { ScrapeError } from './scrape-error.ts'

/** The page of metrics that a pod asks to be read. */
export interface PodEndpoint {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  readonly path: string
}

/** The annotations that everybody uses for this. */
const prefix = 'prometheus.io/'
const maxPathLength = 1024

/** Addresses that are nobody's or this machine's own: what answers there is never the pod. IPv4 inside of IPv6 is checked as IPv4. */
const refused = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const) {
  refused.addSubnet(network, bits, 'ipv4')
}
for (const [network, bits] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  refused.addSubnet(network, bits, 'ipv6')
}

/** Whether a pod wants its metrics to be read and is in a state to answer. */
export function isScrapeWanted({ metadata, spec, status }: CoreV1Pod): boolean {
  return (
    metadata.annotations?.[`${prefix}scrape`] === 'true' &&
    metadata.deletionTimestamp === undefined &&
    spec.nodeName !== undefined &&
    status?.phase === 'Running'
  )
}

/**
 * The endpoint that a pod's annotations name: `prometheus.io/scheme` (http), `port` (the first that a container declares), `path` (/metrics).
 * The host is the pod's address and nothing else. Throws a `ScrapeError` of stage `address` for one that must not or cannot be asked.
 */
export function endpointOf(pod: CoreV1Pod): PodEndpoint {
  const read = (name: string) => pod.metadata.annotations?.[`${prefix}${name}`]
  const scheme = read('scheme') ?? 'http'
  if (scheme !== 'http' && scheme !== 'https') throw refuse('scheme', scheme, 'allowed are http and https')
  return { scheme, host: readHost(pod), port: readPort(pod, read('port')), path: readPath(read('path') ?? '/metrics') }
}

function readHost(pod: CoreV1Pod): string {
  const host = pod.status?.podIP ?? ''
  const family = isIPv4(host) ? 'ipv4' : isIPv6(host) ? 'ipv6' : undefined
  if (family === undefined) throw new ScrapeError('address', 'the pod has no IP address')
  if (refused.check(host, family)) throw new ScrapeError('address', `${host} is no address of a pod`)
  return host
}

function readPort(pod: CoreV1Pod, text: string | undefined): number {
  if (text === undefined) {
    const ports = pod.spec.containers.flatMap(({ ports: declared }) => declared ?? [])
    const first = ports.find(({ protocol }) => protocol === undefined || protocol === 'TCP')
    if (first === undefined) throw new ScrapeError('address', `there is neither an annotation ${prefix}port nor a declared port`)
    return first.containerPort
  }
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw refuse('port', text, 'allowed are numbers from 1 to 65535')
  return port
}

function readPath(text: string): string {
  // What would not go over the wire as it is written could be read in two ways.
  if (/^\/[\x21\x22\x24-\x7e]*$/.test(text) && text.length <= maxPathLength) return text
  throw refuse('path', text, `allowed is a path such as /metrics, of at most ${maxPathLength} printable characters`)
}

function refuse(name: string, value: string, allowed: string): ScrapeError {
  return new ScrapeError('address', `${prefix}${name}: ${JSON.stringify(value.slice(0, 100))}: ${allowed}`)
}
