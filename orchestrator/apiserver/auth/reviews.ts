import type {
  AuthenticationV1SelfSubjectReview,
  AuthenticationV1TokenReview,
  AuthenticationV1UserInfo,
  AuthorizationV1NonResourceAttributes,
  AuthorizationV1ResourceAttributes,
  AuthorizationV1SelfSubjectAccessReview,
  AuthorizationV1SelfSubjectRulesReview,
  AuthorizationV1SubjectAccessReview,
} from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { badRequest } from '../../api/status-error.ts'
import { toTimestamp, type Clock } from '../../../lib/clock.ts'
import type { Reviews } from '../rest/resources.ts'
import type { Authenticator } from './authenticator.ts'
import type { AccessAttributes, Authorizer } from './authorizer.ts'
import type { RbacAuthorizer } from './rbac.ts'
import { mastersGroup, type User } from './user.ts'

export interface ReviewsOptions {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly rbac: RbacAuthorizer
  readonly issuer: string
  readonly clock: Clock
}

/** The kinds by which clients ask who they are and what they may do. */
export function createReviews({ authenticator, authorizer, rbac, issuer, clock }: ReviewsOptions): Reviews {
  const decide = (user: User, spec: Access): object => {
    const { isAllowed, reason } = authorizer.authorize(attributesOfSpec(user, spec))
    return { allowed: isAllowed, ...(reason === '' ? {} : { reason }) }
  }
  const stamp = { creationTimestamp: null as unknown as string }

  const subject = (object: KubeObject, namespace?: string): KubeObject => {
    const { spec } = object as AuthorizationV1SubjectAccessReview
    if (namespace !== undefined && spec.resourceAttributes !== undefined && spec.resourceAttributes.namespace !== namespace)
      throw badRequest('spec.resourceAttributes.namespace: must match metadata.namespace')
    if (!spec.user && (spec.groups ?? []).length === 0)
      throw badRequest('spec.user: Invalid value: "": at least one of user or group must be specified')
    const user: User = { name: spec.user ?? '', groups: spec.groups ?? [], extra: spec.extra ?? {} }
    return { ...object, metadata: { ...object.metadata, ...stamp }, status: decide(user, spec) } as KubeObject
  }

  return new Map<string, Reviews extends ReadonlyMap<string, infer R> ? R : never>([
    ['subjectaccessreviews.authorization.k8s.io', (object) => subject(object)],
    ['localsubjectaccessreviews.authorization.k8s.io', (object, request) => subject(object, request.info.namespace)],
    [
      'selfsubjectaccessreviews.authorization.k8s.io',
      (object, { user }) =>
        ({ ...object, metadata: stamp, status: decide(user, (object as AuthorizationV1SelfSubjectAccessReview).spec) }) as KubeObject,
    ],
    [
      'selfsubjectrulesreviews.authorization.k8s.io',
      (object, { user }) => {
        const { spec } = object as AuthorizationV1SelfSubjectRulesReview
        if (!spec.namespace) throw badRequest('no namespace on request')
        return { ...object, metadata: stamp, status: rulesStatus(rbac, user, spec.namespace) } as KubeObject
      },
    ],
    [
      'selfsubjectreviews.authentication.k8s.io',
      (object, { user }) =>
        ({
          ...object,
          metadata: { creationTimestamp: toTimestamp(clock.now()) },
          status: { userInfo: toUserInfo(user) },
        }) as AuthenticationV1SelfSubjectReview,
    ],
    [
      'tokenreviews.authentication.k8s.io',
      async (object) => {
        const { spec } = object as AuthenticationV1TokenReview
        if (!spec?.token) throw badRequest('token is required for TokenReview in authentication')
        const audiences = spec.audiences !== undefined && spec.audiences.length > 0 ? spec.audiences : [issuer]
        const user = await authenticator.authenticateToken(spec.token, audiences)
        const status =
          user === undefined ? { user: {}, error: 'the token is not valid' } : { authenticated: true, user: toUserInfo(user), audiences }
        return { ...object, metadata: { ...object.metadata, ...stamp }, status } as KubeObject
      },
    ],
  ])
}

interface Access {
  readonly resourceAttributes?: AuthorizationV1ResourceAttributes
  readonly nonResourceAttributes?: AuthorizationV1NonResourceAttributes
}

function attributesOfSpec(user: User, { resourceAttributes, nonResourceAttributes }: Access): AccessAttributes {
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined))
    throw badRequest('spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified')
  const { verb = '', group = '', version = '', resource = '', subresource = '', namespace = '', name = '' } = resourceAttributes ?? {}
  const path = nonResourceAttributes?.path ?? ''
  return {
    user,
    verb: nonResourceAttributes?.verb ?? verb,
    isResource: resourceAttributes !== undefined,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
    path,
  }
}

function toUserInfo({ name, uid, groups, extra }: User): AuthenticationV1UserInfo {
  const copied = Object.fromEntries(Object.entries(extra ?? {}).map(([key, values]) => [key, [...values]]))
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(Object.keys(copied).length === 0 ? {} : { extra: copied }),
  }
}

function rulesStatus(rbac: RbacAuthorizer, user: User, namespace: string): object {
  const everything = [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ]
  const rules = user.groups.includes(mastersGroup) ? everything : rbac.rulesOf(user, namespace)
  const resourceRules = rules.filter(({ resources }) => resources !== undefined)
  const nonResourceRules = rules.filter((rule) => 'nonResourceURLs' in rule && rule.nonResourceURLs !== undefined)
  return { resourceRules, nonResourceRules, incomplete: false }
}
