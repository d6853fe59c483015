import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../../lib/clock.ts'
import { AuthenticationV1TokenReview, AuthorizationV1SubjectAccessReview } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'
import { HttpError } from './http-error.ts'

/** Who asks. */
export interface Identity {
  readonly name: string
  readonly groups: readonly string[]
  readonly uid?: string
}

/** Lets a request pass, or rejects with an `HttpError` 401 or 403. */
export interface Authenticator {
  authorize(request: IncomingMessage, path: string): Promise<Identity>
}

/** Verdicts are kept this long, as the kubelet's webhook caches: allowed longer than refused. */
const allowedMs = 300_000
const refusedMs = 30_000
const tokenMs = 120_000
const maxCached = 1_000
const superGroup = 'system:masters'

const verbs: Readonly<Record<string, string>> = { GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/** Client certificates of the cluster's authority or bearer tokens; then `system:masters`, or what the API server says of `nodes/…`. */
export function createAuthenticator(options: { readonly client: Client; readonly clock: Clock; readonly nodeName: string }): Authenticator {
  const { client, clock, nodeName } = options
  const tokens = new ExpiringCache<Identity | undefined>(clock)
  const verdicts = new ExpiringCache<boolean>(clock)

  const review = async (token: string): Promise<Identity | undefined> => {
    const key = createHash('sha256').update(token).digest('hex')
    const known = tokens.get(key)
    if (known !== undefined) return known.value
    const answer = await client.create(AuthenticationV1TokenReview, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec: { token },
    })
    const { authenticated, user } = answer.status ?? {}
    const identity =
      authenticated === true && user?.username !== undefined
        ? { name: user.username, groups: user.groups ?? [], ...(user.uid === undefined ? {} : { uid: user.uid }) }
        : undefined
    tokens.set(key, identity, tokenMs)
    return identity
  }

  const isAllowed = async (identity: Identity, verb: string, subresource: string): Promise<boolean> => {
    if (identity.groups.includes(superGroup)) return true
    const key = JSON.stringify([identity.name, identity.groups, verb, subresource])
    const known = verdicts.get(key)
    if (known !== undefined) return known.value
    const answer = await client.create(AuthorizationV1SubjectAccessReview, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: {
        user: identity.name,
        groups: [...identity.groups],
        ...(identity.uid === undefined ? {} : { uid: identity.uid }),
        resourceAttributes: { verb, group: '', version: 'v1', resource: 'nodes', subresource, name: nodeName },
      },
    })
    const allowed = answer.status?.allowed === true
    verdicts.set(key, allowed, allowed ? allowedMs : refusedMs)
    return allowed
  }

  return {
    authorize: async (request, path) => {
      const identity = certificateIdentity(request) ?? (await tokenIdentity(request, review))
      if (identity === undefined) throw new HttpError(401, 'Unauthorized')
      const verb = verbs[request.method ?? ''] ?? ''
      const subresource = subresourceOf(path)
      if (!(await isAllowed(identity, verb, subresource))) {
        throw new HttpError(403, `Forbidden (user=${identity.name}, verb=${verb}, resource=nodes, subresource=${subresource})`)
      }
      return identity
    },
  }
}

/** Which part of a node a path is, as the kubelet's authorization attributes. */
export function subresourceOf(path: string): string {
  const first = path.split('/')[1]
  if (path === '/api/v1/logs' || path.startsWith('/api/v1/logs/')) return 'log'
  if (first === 'stats') return 'stats'
  if (first === 'metrics') return 'metrics'
  if (first === 'logs') return 'log'
  return 'proxy'
}

function certificateIdentity(request: IncomingMessage): Identity | undefined {
  const socket = request.socket as TLSSocket
  if (!socket.authorized) return undefined
  const subject = socket.getPeerCertificate().subject as { CN?: string | string[]; O?: string | string[] } | undefined
  const name = [subject?.CN ?? []].flat()[0]
  return name === undefined ? undefined : { name, groups: [subject?.O ?? []].flat() }
}

async function tokenIdentity(
  request: IncomingMessage,
  review: (token: string) => Promise<Identity | undefined>,
): Promise<Identity | undefined> {
  const match = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')
  if (match === null) return undefined
  try {
    return await review(match[1]!)
  } catch (error) {
    throw new HttpError(401, 'Unauthorized', { cause: error })
  }
}

/** Values that are good for a while; bounded, the oldest entry goes first. */
class ExpiringCache<V> {
  readonly #clock: Clock
  readonly #entries = new Map<string, { readonly value: V; readonly untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(key: string): { readonly value: V } | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.untilMs > this.#clock.now()) return entry
    this.#entries.delete(key)
    return undefined
  }

  set(key: string, value: V, forMs: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, untilMs: this.#clock.now() + forMs })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxCached) break
      this.#entries.delete(oldest)
    }
  }
}
