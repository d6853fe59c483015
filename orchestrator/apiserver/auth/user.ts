/** Who makes a request. */
export interface User {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** Members may do everything; their requests are not looked at by RBAC. */
export const mastersGroup = 'system:masters'
export const authenticatedGroup = 'system:authenticated'
/** Nodes that have a token, and no certificate yet. */
export const bootstrappersGroup = 'system:bootstrappers'
export const unauthenticatedGroup = 'system:unauthenticated'

/** Whoever shows no credentials. */
export const anonymous: User = { name: 'system:anonymous', groups: [unauthenticatedGroup] }

/** The server itself. */
export const loopbackUser: User = { name: 'system:apiserver', groups: [mastersGroup, authenticatedGroup] }

/** A part of this process, such as a controller, by upstream's name of it. It has the server's own rights. */
export function partUser(name: string): User {
  const [, kind, namespace] = /^system:(serviceaccount):([^:]+):/.exec(name) ?? []
  const accounts = kind === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
  return { name, groups: [...loopbackUser.groups, ...accounts] }
}
