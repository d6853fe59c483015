import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { DnsConfig } from '../runtime/runtime.ts'
import { ConfigurationError } from './configuration-error.ts'

/** More than these are not read by the resolvers in use. */
const maxNameservers = 3
const maxSearches = 32

export interface DnsInput {
  readonly pod: CoreV1Pod
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
  /** The machine's own resolv.conf. */
  readonly host: DnsConfig
}

/** A pod's resolver configuration by its `dnsPolicy` and `dnsConfig`. */
export function dnsConfigOf({ pod, clusterDns, clusterDomain, host }: DnsInput): DnsConfig {
  const base = basePolicy(pod, clusterDns)
  const start: DnsConfig =
    base === 'cluster'
      ? {
          nameservers: clusterDns,
          searches: [`${pod.metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain, ...host.searches],
          options: ['ndots:5'],
        }
      : base === 'host'
        ? host
        : { nameservers: [], searches: [], options: [] }
  const own = pod.spec.dnsConfig
  const options = new Map(start.options.map((option) => [option.split(':')[0]!, option]))
  for (const { name = '', value } of own?.options ?? []) options.set(name, value === undefined || value === '' ? name : `${name}:${value}`)
  return {
    nameservers: [...new Set([...start.nameservers, ...(own?.nameservers ?? [])])].slice(0, maxNameservers),
    searches: [...new Set([...start.searches, ...(own?.searches ?? [])])].slice(0, maxSearches),
    options: [...options.values()],
  }
}

function basePolicy(pod: CoreV1Pod, clusterDns: readonly string[]): 'cluster' | 'host' | 'none' {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'None') return 'none'
  if (policy === 'Default') return 'host'
  if (policy === 'ClusterFirst' && pod.spec.hostNetwork === true) return 'host'
  return clusterDns.length === 0 ? 'host' : 'cluster'
}

/** The text of resolv.conf. */
export function formatResolvConf({ nameservers, searches, options }: DnsConfig): string {
  const lines = [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...nameservers.map((nameserver) => `nameserver ${nameserver}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** What a resolv.conf says; lines that are not understood are left out. */
export function parseResolvConf(text: string): DnsConfig {
  const nameservers: string[] = []
  let searches: string[] = []
  const options: string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) nameservers.push(values[0])
    else if (keyword === 'search') searches = values.filter((value) => value !== '.')
    else if (keyword === 'options') options.push(...values)
  }
  return { nameservers, searches, options }
}

/** The kernel keeps no longer ones. */
const maxHostname = 64

/** What a pod is called inside: its host name, with its domain where that is asked for. Throws where that is longer than a kernel can keep. */
export function innerNameOf(pod: CoreV1Pod, clusterDomain: string): { readonly hostname: string; readonly domainname?: string } {
  const name = hostnameOf(pod, clusterDomain)
  if (pod.spec.setHostnameAsFQDN !== true || name.domainname === undefined) return name
  const hostname = `${name.hostname}.${name.domainname}`
  if (hostname.length > maxHostname)
    throw new ConfigurationError(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${hostname} is too long (${maxHostname} characters is the max, ${hostname.length} characters requested)`,
    )
  return { hostname }
}

/** A pod's host name and the domain it is in. */
export function hostnameOf(pod: CoreV1Pod, clusterDomain: string): { readonly hostname: string; readonly domainname?: string } {
  const wanted = pod.spec.hostnameOverride ?? pod.spec.hostname
  const hostname = (wanted === undefined || wanted === '' ? pod.metadata.name! : wanted).slice(0, 63).replace(/[-.]+$/, '')
  const { subdomain } = pod.spec
  if (subdomain === undefined || subdomain === '') return { hostname }
  return { hostname, domainname: `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` }
}

/** The text of a pod's /etc/hosts. */
export function formatHosts(pod: CoreV1Pod, ip: string, clusterDomain: string): string {
  const { hostname, domainname } = hostnameOf(pod, clusterDomain)
  const own = domainname === undefined ? `${ip}\t${hostname}` : `${ip}\t${hostname}.${domainname}\t${hostname}`
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    own,
    ...aliasesOf(pod),
    '',
  ].join('\n')
}

/** The text of /etc/hosts of a pod in the machine's network, from the machine's own. */
export const formatHostNetworkHosts = (pod: CoreV1Pod, machineHosts: string): string =>
  ['# Kubernetes-managed hosts file (host network).', machineHosts.trimEnd(), ...aliasesOf(pod), ''].join('\n')

function aliasesOf({ spec: { hostAliases = [] } }: CoreV1Pod): readonly string[] {
  if (hostAliases.length === 0) return []
  return ['', '# Entries added by HostAliases.', ...hostAliases.map(({ ip, hostnames = [] }) => [ip, ...hostnames].join('\t'))]
}
