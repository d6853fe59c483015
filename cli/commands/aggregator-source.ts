import { UsageError } from '../options.ts'

/** What Heapster's `--source` says about reaching the cluster and its kubelets; absent parts are not said. */
export interface HeapsterSource {
  readonly server?: string
  readonly kubeconfig?: string
  readonly isInsecure?: boolean
  readonly kubeletScheme?: 'http' | 'https'
  readonly kubeletPort?: number
  readonly skipsKubeletTls?: boolean
}

const kinds = ['kubernetes', 'kubernetes.summary_api']
const allowed = [
  'inClusterConfig',
  'kubeletPort',
  'kubeletHttps',
  'insecure',
  'auth',
  'useServiceAccount',
  'apiVersion',
  'host_id_annotation',
]

/**
 * Reads `kubernetes.summary_api:https://host?kubeletHttps=true&kubeletPort=10250&insecure=true&auth=FILE&inClusterConfig=false`.
 * `inClusterConfig`, `useServiceAccount`, `apiVersion` and `host_id_annotation` change nothing: the kubeconfig, or being in a cluster, decides.
 */
export function parseHeapsterSource(text: string): HeapsterSource {
  const [head = '', query = ''] = split(text, '?')
  const [kind = '', server = ''] = split(head, ':')
  if (!kinds.includes(kind)) throw refuse(text, `allowed are ${kinds.join(' and ')}, then ":", an address and options`)
  if (server !== '' && !/^https?:\/\/[^/]/.test(server)) throw refuse(server, 'the address must be an http or https URL')
  const options = new Map(new URLSearchParams(query))
  for (const name of options.keys()) if (!allowed.includes(name)) throw refuse(name, `allowed options are ${allowed.join(', ')}`)
  const isSecure = readFlag('kubeletHttps', options.get('kubeletHttps'))
  const isInsecure = readFlag('insecure', options.get('insecure'))
  const kubeletPort = readPort(options.get('kubeletPort'))
  const kubeconfig = options.get('auth')
  return {
    ...(server === '' || server.endsWith('//kubernetes.default') ? {} : { server }),
    ...(kubeconfig === undefined || kubeconfig === '' ? {} : { kubeconfig }),
    ...(isInsecure === undefined ? {} : { isInsecure, skipsKubeletTls: isInsecure }),
    ...(isSecure === undefined ? {} : { kubeletScheme: isSecure ? ('https' as const) : ('http' as const) }),
    ...(kubeletPort === undefined ? {} : { kubeletPort }),
  }
}

function readFlag(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  if (text !== 'true' && text !== 'false') throw refuse(`${name}=${text}`, 'allowed are true and false')
  return text === 'true'
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw refuse(`kubeletPort=${text}`, 'allowed are numbers from 1 to 65535')
  return port
}

function split(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function refuse(value: string, rule: string): UsageError {
  return new UsageError(`--source: ${JSON.stringify(value.slice(0, 200))} is not allowed: ${rule}`)
}
