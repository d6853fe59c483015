import { AuthorizationV1SubjectAccessReview } from '../../orchestrator/api/generated/kinds.ts'
import { forbidden } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ResourceAccess } from './api-group.ts'
import type { Identity } from './authentication.ts'
import { ExpiringCache } from './expiring-cache.ts'

/** What is asked for: something of a group version, or a path that is no resource. */
export type AccessRequest =
  | ({ readonly verb: 'get' | 'list' | 'watch'; readonly group: string; readonly version: string } & ResourceAccess)
  | { readonly path: string }

/** As upstream's delegated authorization: an answer may be this old. */
const keptMs = 10_000
const maxCached = 4096

/**
 * Asks the API server, by SubjectAccessReview, whether an identity may do something; throws a Forbidden in upstream's words when not.
 * Answers are kept for ten seconds, at most 4,096. Members of `system:masters` may everything, as upstream.
 */
export function createAuthorizer({
  client,
  clock,
}: {
  readonly client: Client
  readonly clock: Clock
}): (identity: Identity, access: AccessRequest) => Promise<void> {
  const answers = new ExpiringCache<Decision>({ clock, ttlMs: () => keptMs, maxEntries: maxCached })
  return async (identity, access) => {
    if (identity.groups.includes('system:masters')) return
    const { isAllowed, reason } = await answers.get(JSON.stringify([identity, access]), () => review(client, identity, access))
    if (!isAllowed) throw refusal(identity, access, reason)
  }
}

interface Decision {
  readonly isAllowed: boolean
  readonly reason: string
}

async function review(client: Client, identity: Identity, access: AccessRequest): Promise<Decision> {
  const answer = await client.create(AuthorizationV1SubjectAccessReview, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: identity.user,
      groups: [...identity.groups],
      extra: { ...identity.extra },
      ...(identity.uid === undefined ? {} : { uid: identity.uid }),
      ...('path' in access ? { nonResourceAttributes: { path: access.path, verb: 'get' } } : { resourceAttributes: { ...access } }),
    },
  })
  return { isAllowed: answer.status?.allowed === true, reason: answer.status?.reason ?? '' }
}

function refusal({ user }: Identity, access: AccessRequest, reason: string): Error {
  const because = reason === '' ? '' : `: ${reason}`
  if ('path' in access) {
    const message = `forbidden: User "${user}" cannot get path "${access.path}"${because}`
    const error = forbidden({ group: '', plural: '' }, '', '')
    return Object.assign(error, { message, status: { ...error.status, message, details: {} } })
  }
  const { verb, group, resource, subresource, namespace, name } = access
  const plural = subresource === undefined ? resource : `${resource}/${subresource}`
  const scope = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  return forbidden(
    { group, plural: resource },
    name ?? '',
    `User "${user}" cannot ${verb} resource "${plural}" in API group "${group}" ${scope}${because}`,
  )
}
