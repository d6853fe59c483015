import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import {
  AuthenticationV1SelfSubjectReview,
  AuthenticationV1TokenReview,
  AuthorizationV1LocalSubjectAccessReview,
  AuthorizationV1SelfSubjectAccessReview,
  AuthorizationV1SelfSubjectRulesReview,
  AuthorizationV1SubjectAccessReview,
  CoreV1Binding,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'

interface AccessSpec {
  readonly user?: string
  readonly groups?: readonly string[]
  readonly resourceAttributes?: object
  readonly nonResourceAttributes?: object
}

/** A question about access names one kind of attributes; unless it is about oneself, also who asks. */
function validateAccess(spec: AccessSpec, isSelf: boolean): StatusCause[] {
  const causes: StatusCause[] = []
  if (spec.resourceAttributes !== undefined && spec.nonResourceAttributes !== undefined)
    causes.push(
      invalidValue('spec.nonResourceAttributes', spec.nonResourceAttributes, 'cannot be specified in combination with resourceAttributes'),
    )
  if (spec.resourceAttributes === undefined && spec.nonResourceAttributes === undefined)
    causes.push(
      invalidValue('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    )
  if (!isSelf && !spec.user && (spec.groups ?? []).length === 0)
    causes.push(invalidValue('spec.user', '', 'at least one of user or group must be specified'))
  return causes
}

const selfSubjectAccessReview: KindPart<AuthorizationV1SelfSubjectAccessReview> = {
  kind: AuthorizationV1SelfSubjectAccessReview,
  isReviewOnly: true,
  validate: ({ spec }) => validateAccess(spec, true),
}

const subjectAccessReview: KindPart<AuthorizationV1SubjectAccessReview> = {
  kind: AuthorizationV1SubjectAccessReview,
  isReviewOnly: true,
  validate: ({ spec }) => validateAccess(spec, false),
}

const localSubjectAccessReview: KindPart<AuthorizationV1LocalSubjectAccessReview> = {
  kind: AuthorizationV1LocalSubjectAccessReview,
  isReviewOnly: true,
  validate: ({ spec }) => [
    ...validateAccess(spec, false),
    ...(spec.nonResourceAttributes === undefined
      ? []
      : [forbiddenField('spec.nonResourceAttributes', 'disallowed on this kind of request')]),
  ],
}

const selfSubjectRulesReview: KindPart<AuthorizationV1SelfSubjectRulesReview> = {
  kind: AuthorizationV1SelfSubjectRulesReview,
  isReviewOnly: true,
}

const tokenReview: KindPart<AuthenticationV1TokenReview> = {
  kind: AuthenticationV1TokenReview,
  isReviewOnly: true,
  validate: ({ spec }) => (spec.token ? [] : [required('spec.token')]),
}

const selfSubjectReview: KindPart<AuthenticationV1SelfSubjectReview> = { kind: AuthenticationV1SelfSubjectReview, isReviewOnly: true }

const binding: KindPart<CoreV1Binding> = {
  kind: CoreV1Binding,
  isReviewOnly: true,
  validate: ({ target }) => (target?.name ? [] : [required('target.name')]),
}

/** Kinds that are asked, answered and forgotten. */
export const reviews: readonly KindPart<KubeObject>[] = [
  binding,
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectReview,
  selfSubjectRulesReview,
  subjectAccessReview,
  tokenReview,
]
