import type { IncomingHttpHeaders } from 'node:http'
import { badRequest } from '../../api/status-error.ts'
import { type AccessAttributes, type Authorizer, forbiddenError } from './authorizer.ts'
import { authenticatedGroup, type User } from './user.ts'

const serviceAccountPrefix = 'system:serviceaccount:'

/** The user that `user` asks to act as (`kubectl --as`), or `user` where it does not ask. Throws 403 when it may not. */
export function impersonated(authorizer: Authorizer, user: User, headers: IncomingHttpHeaders): User {
  const name = headers['impersonate-user']
  const groups = valuesOf(headers['impersonate-group'])
  const uid = headers['impersonate-uid']
  if (name === undefined) {
    if (groups.length > 0 || uid !== undefined) throw badRequest('requested impersonation without specifying a user name')
    return user
  }
  if (typeof name !== 'string' || name === '') throw badRequest('Impersonate-User: must be one non-empty name')
  const check = (resource: string, value: string, place: Partial<AccessAttributes> = {}) => {
    const attributes: AccessAttributes = {
      user,
      verb: 'impersonate',
      isResource: true,
      group: '',
      version: 'v1',
      resource,
      subresource: '',
      namespace: '',
      path: '',
      name: value,
      ...place,
    }
    const { isAllowed, reason } = authorizer.authorize(attributes)
    if (!isAllowed) throw forbiddenError(attributes, reason)
  }
  const [namespace, account] = name.startsWith(serviceAccountPrefix) ? name.slice(serviceAccountPrefix.length).split(':') : []
  if (namespace !== undefined && account !== undefined) check('serviceaccounts', account, { namespace })
  else check('users', name)
  for (const group of groups) check('groups', group)
  if (typeof uid === 'string') check('uids', uid, { group: 'authentication.k8s.io' })
  const implied = namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
  return { name, ...(typeof uid === 'string' ? { uid } : {}), groups: [...new Set([...groups, ...implied, authenticatedGroup])] }
}

function valuesOf(value: string | string[] | undefined): string[] {
  return (Array.isArray(value) ? value : (value ?? '').split(',')).map((part) => part.trim()).filter((part) => part !== '')
}
