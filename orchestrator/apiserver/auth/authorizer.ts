import { forbidden, type StatusError } from '../../api/status-error.ts'
import type { RequestInfo } from '../rest/request-info.ts'
import { mastersGroup, type User } from './user.ts'

/** What somebody wants to do. `path` counts for what is no resource, the rest for what is. */
export interface AccessAttributes {
  readonly user: User
  readonly verb: string
  readonly isResource: boolean
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  readonly path: string
}

/** A decision; without an allowance, somebody else may still allow it. */
export interface Decision {
  readonly isAllowed: boolean
  readonly reason: string
}

/** One way to be allowed. */
export interface Authorizer {
  authorize(attributes: AccessAttributes): Decision
}

/** Members of `system:masters` may do everything; the others what one of `authorizers` allows. */
export function chainAuthorizers(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      if (attributes.user.groups.includes(mastersGroup)) return { isAllowed: true, reason: '' }
      const reasons: string[] = []
      for (const authorizer of authorizers) {
        const decision = authorizer.authorize(attributes)
        if (decision.isAllowed) return decision
        if (decision.reason !== '') reasons.push(decision.reason)
      }
      return { isAllowed: false, reason: reasons.join('; ') }
    },
  }
}

/** The attributes of a request. */
export function attributesOf(user: User, info: RequestInfo): AccessAttributes {
  const { verb, isResource, group, version, resource, subresource, namespace, name, path } = info
  return { user, verb, isResource, group, version, resource, subresource, namespace, name, path }
}

/** The 403 in upstream's words. */
export function forbiddenError(attributes: AccessAttributes, reason: string): StatusError {
  const { user, verb, isResource, group, resource, subresource, namespace, name, path } = attributes
  const why = reason === '' ? '' : `: ${reason}`
  if (!isResource)
    return withoutDetails(
      forbidden({ group: '', plural: '' }, '', ''),
      `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}${why}`,
    )
  const full = subresource === '' ? resource : `${resource}/${subresource}`
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  return forbidden(
    { group, plural: resource },
    name,
    `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${scope}${why}`,
  )
}

function withoutDetails(error: StatusError, message: string): StatusError {
  Object.assign(error, { message, status: { ...error.status, message, details: {} } })
  return error
}
