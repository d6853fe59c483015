import { CoreV1ConfigMap } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'

/** Whose certificates name users, and which front proxies may name them in which headers (in lower case). */
export interface Authorities {
  /** PEM of the authorities whose client certificates name users; empty: there are none. */
  readonly clientCa: string
  /** PEM of the authorities of front proxies, which name the user in headers; empty: there are none. */
  readonly requestHeaderCa: string
  /** Common names that a front proxy's certificate may have; empty allows any of that authority. */
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraHeaderPrefixes: readonly string[]
}

/** The headers that every Kubernetes uses unless somebody changed them, and no authority. */
export const noAuthorities: Authorities = {
  clientCa: '',
  requestHeaderCa: '',
  allowedNames: [],
  usernameHeaders: ['x-remote-user'],
  uidHeaders: ['x-remote-uid'],
  groupHeaders: ['x-remote-group'],
  extraHeaderPrefixes: ['x-remote-extra-'],
}

const refreshMs = 60_000
const retryMs = 5_000
const place = { namespace: 'kube-system', name: 'extension-apiserver-authentication' }

export interface AuthoritiesFollowerOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  /** Called with what is in force whenever it changed. */
  readonly onChange: (authorities: Authorities) => void
}

/**
 * Reads the ConfigMap `kube-system/extension-apiserver-authentication`, in which an API server says how those behind it can tell who asks, and
 * again each minute until `signal` aborts. While it cannot be read, what was read last stays in force.
 */
export async function followAuthorities({ client, clock, log, onChange }: AuthoritiesFollowerOptions, signal: AbortSignal): Promise<void> {
  let known: string | undefined
  let isRead = true
  while (!signal.aborted) {
    try {
      const authorities = parseAuthorities((await client.get(CoreV1ConfigMap, place)).data ?? {})
      const text = JSON.stringify(authorities)
      if (text !== known) onChange(authorities)
      known = text
      isRead = true
    } catch (error) {
      if (isRead) log.warn({ err: error, ...place }, 'the authorities of clients cannot be read; those known stay in force')
      isRead = false
    }
    await clock.sleep(isRead ? refreshMs : retryMs, signal)
  }
}

/** The authorities in the ConfigMap's data. Throws an error that names the key of a malformed list. */
export function parseAuthorities(data: Readonly<Record<string, string>>): Authorities {
  const listOf = (key: string, fallback: readonly string[]) => (data[key] === undefined ? fallback : parseList(key, data[key]))
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase())
  return {
    clientCa: data['client-ca-file'] ?? '',
    requestHeaderCa: data['requestheader-client-ca-file'] ?? '',
    allowedNames: listOf('requestheader-allowed-names', []),
    usernameHeaders: lower(listOf('requestheader-username-headers', noAuthorities.usernameHeaders)),
    uidHeaders: lower(listOf('requestheader-uid-headers', noAuthorities.uidHeaders)),
    groupHeaders: lower(listOf('requestheader-group-headers', noAuthorities.groupHeaders)),
    extraHeaderPrefixes: lower(listOf('requestheader-extra-headers-prefix', noAuthorities.extraHeaderPrefixes)),
  }
}

function parseList(key: string, text: string): readonly string[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    list = undefined
  }
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list
  throw new Error(`${key}: ${JSON.stringify(text.slice(0, 100))} is not a JSON list of texts such as ["X-Remote-User"]`)
}
