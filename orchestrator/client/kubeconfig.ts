import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'

/** How to reach and convince one cluster: what `createHttpsTransport` takes. Certificates and keys are PEM texts. */
export interface ClusterAccess {
  readonly server: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly token?: string
  /** Where the token was read, by whoever runs longer than it lasts. */
  readonly tokenFile?: string
  readonly tlsServerName?: string
  readonly isInsecure?: boolean
  /** The context's namespace, `default` where it names none. */
  readonly namespace: string
}

/** A kubeconfig that can't be used; the message names the field, its value and what is allowed. */
export class KubeconfigError extends Error {
  readonly code = 'EKUBECONFIG'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KubeconfigError'
  }
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads the current context (or `context`) of a kubeconfig, given as a file's path or as its text. Paths in it are relative to the file,
 * as kubectl reads them. Users that call a command (`exec`) or an `auth-provider` are refused with an error that says so.
 */
export function loadKubeconfig(source: { readonly path: string } | { readonly text: string }, context?: string): ClusterAccess {
  const folder = 'path' in source ? dirname(resolve(source.path)) : undefined
  const config = parseConfig('path' in source ? readText(source.path, 'kubeconfig') : source.text)
  const name = context ?? text(config, 'current-context', 'current-context')
  if (name === undefined || name === '') throw new KubeconfigError('current-context: is not set; name a context')
  const chosen = entry(config, 'contexts', name, 'context')
  const cluster = entry(config, 'clusters', required(chosen, 'cluster', `contexts[${name}].context`), 'cluster')
  const userName = text(chosen, 'user', `contexts[${name}].context.user`)
  const user = userName === undefined ? {} : entry(config, 'users', userName, 'user')
  return {
    server: required(cluster, 'server', 'clusters[].cluster'),
    namespace: text(chosen, 'namespace', 'namespace') ?? 'default',
    ...present('ca', pem(cluster, 'certificate-authority', folder)),
    ...present('tlsServerName', text(cluster, 'tls-server-name', 'tls-server-name')),
    ...(cluster['insecure-skip-tls-verify'] === true ? { isInsecure: true } : {}),
    ...credentials(user, folder),
  }
}

function credentials(user: Fields, folder: string | undefined): Pick<ClusterAccess, 'cert' | 'key' | 'token' | 'tokenFile'> {
  const cert = pem(user, 'client-certificate', folder)
  const key = pem(user, 'client-key', folder)
  if ((cert === undefined) !== (key === undefined))
    throw new KubeconfigError('users[].user: client-certificate and client-key go together; one is missing')
  const tokenPath = text(user, 'tokenFile', 'users[].user.tokenFile')
  const tokenFile = tokenPath === undefined ? undefined : resolve(folder ?? '.', tokenPath)
  const fixed = text(user, 'token', 'users[].user.token')
  const token = fixed ?? (tokenFile === undefined ? undefined : readText(tokenFile, 'tokenFile').trim())
  for (const method of ['exec', 'auth-provider', 'username']) {
    if (user[method] !== undefined && cert === undefined && token === undefined) {
      throw new KubeconfigError(`users[].user.${method}: is not supported; give client-certificate and client-key, token or tokenFile`)
    }
  }
  const isFromFile = fixed === undefined && tokenFile !== undefined
  return { ...present('cert', cert), ...present('key', key), ...present('token', token), ...(isFromFile ? { tokenFile } : {}) }
}

function parseConfig(source: string): Fields {
  let config: unknown
  try {
    config = parse(source)
  } catch (error) {
    throw new KubeconfigError(`kubeconfig: is not YAML: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  if (!isFields(config) || config.kind !== 'Config') throw new KubeconfigError('kubeconfig: kind must be Config')
  return config
}

/** `inner` of the list member that is called `name`, e.g. `clusters[].cluster`. */
function entry(config: Fields, list: string, name: string, inner: string): Fields {
  const members = Array.isArray(config[list]) ? (config[list] as unknown[]).filter(isFields) : []
  const found = members.find((member) => member.name === name)?.[inner]
  if (isFields(found)) return found
  throw new KubeconfigError(
    `${list}: has no ${inner} called ${JSON.stringify(name)}; there are: ${members.map((member) => JSON.stringify(member.name)).join(', ') || 'none'}`,
  )
}

function pem(fields: Fields, name: string, folder: string | undefined): string | undefined {
  const inline = text(fields, `${name}-data`, `${name}-data`)
  if (inline !== undefined) return Buffer.from(inline, 'base64').toString('utf8')
  const path = text(fields, name, name)
  return path === undefined ? undefined : readText(resolve(folder ?? '.', path), name)
}

function readText(path: string, field: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new KubeconfigError(`${field}: cannot read ${JSON.stringify(path)}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

function required(fields: Fields, name: string, path: string): string {
  const value = text(fields, name, `${path}.${name}`)
  if (value === undefined || value === '') throw new KubeconfigError(`${path}.${name}: is required`)
  return value
}

function text(fields: Fields, name: string, path: string): string | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new KubeconfigError(`${path}: must be a text, is ${JSON.stringify(value)}`)
  return value
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

const present = <K extends string, V>(name: K, value: V | undefined) =>
  (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V }
