import { AuthorizationV1SubjectAccessReview } from '../../orchestrator/api/generated/kinds.ts'
import { forbidden } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Identity } from './authentication.ts'

/** What is asked for. */
export interface AccessRequest {
  readonly verb: 'get' | 'list' | 'watch'
  readonly resource: 'nodes' | 'pods'
  readonly namespace: string | undefined
  readonly name: string | undefined
}

/** As upstream's delegated authorization: an answer may be this old. */
const allowedForMs = 10_000
const deniedForMs = 10_000
const maxCached = 4096

/**
 * Asks the API server, by SubjectAccessReview, whether an identity may read metrics; throws a Forbidden in upstream's words when not.
 * Answers are kept for ten seconds. Members of `system:masters` may everything, as upstream.
 */
export function createAuthorizer({
  client,
  clock,
}: {
  readonly client: Client
  readonly clock: Clock
}): (identity: Identity, access: AccessRequest) => Promise<void> {
  const answers = new Map<string, { readonly isAllowed: boolean; readonly reason: string; readonly until: number }>()
  return async (identity, access) => {
    if (identity.groups.includes('system:masters')) return
    const key = JSON.stringify([identity, access])
    let answer = answers.get(key)
    if (answer === undefined || answer.until <= clock.monotonic()) {
      const { isAllowed, reason } = await review(client, identity, access)
      answer = { isAllowed, reason, until: clock.monotonic() + (isAllowed ? allowedForMs : deniedForMs) }
      answers.delete(key)
      answers.set(key, answer)
      if (answers.size > maxCached) answers.delete(answers.keys().next().value!)
    }
    if (!answer.isAllowed) throw refusal(identity, access, answer.reason)
  }
}

async function review(
  client: Client,
  identity: Identity,
  access: AccessRequest,
): Promise<{ readonly isAllowed: boolean; readonly reason: string }> {
  const { verb, resource, namespace, name } = access
  const answer = await client.create(AuthorizationV1SubjectAccessReview, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: identity.user,
      groups: [...identity.groups],
      extra: { ...identity.extra },
      resourceAttributes: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        verb,
        resource,
        ...(namespace === undefined ? {} : { namespace }),
        ...(name === undefined ? {} : { name }),
      },
    },
  })
  return { isAllowed: answer.status?.allowed === true, reason: answer.status?.reason ?? '' }
}

function refusal({ user }: Identity, { verb, resource, namespace, name }: AccessRequest, reason: string): Error {
  const scope = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const why = `User "${user}" cannot ${verb} resource "${resource}" in API group "metrics.k8s.io" ${scope}${reason === '' ? '' : `: ${reason}`}`
  return forbidden({ group: 'metrics.k8s.io', plural: resource }, name ?? '', why)
}
