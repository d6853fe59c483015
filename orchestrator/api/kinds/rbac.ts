import { isDeepStrictEqual } from 'node:util'
import { invalidValue, notSupported, required } from '../field-errors.ts'
import { checkFields, formed, named, oneOf, partial, present, type FieldRules } from '../field-rules.ts'
import {
  RbacV1ClusterRole,
  RbacV1ClusterRoleBinding,
  RbacV1Role,
  RbacV1RoleBinding,
  type RbacV1AggregationRule,
  type RbacV1PolicyRule,
  type RbacV1RoleRef,
  type RbacV1Subject,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkPathSegment, checkSubdomain } from '../names.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateLabelSelector } from '../validation.ts'

const group = 'rbac.authorization.k8s.io'
const createdColumns = [nameColumn, { name: 'Created At', type: 'date' as const }]
const createdCells = ({ metadata }: KubeObject) => [metadata.name ?? '', metadata.creationTimestamp ?? '']
const bindingColumns = [
  nameColumn,
  textColumn('Role'),
  ageColumn,
  textColumn('Users', 1),
  textColumn('Groups', 1),
  textColumn('ServiceAccounts', 1),
]

interface Binding extends KubeObject {
  roleRef: RbacV1RoleRef
  subjects?: RbacV1Subject[]
}

function validateRules(rules: readonly RbacV1PolicyRule[] | undefined, isNamespaced: boolean): StatusCause[] {
  return (rules ?? []).flatMap(
    ({ verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: Partial<RbacV1PolicyRule>, index) => {
      const path = `rules[${index}]`
      const causes: StatusCause[] = []
      if (verbs.length === 0) causes.push(required(`${path}.verbs`, 'verbs must contain at least one value'))
      if (nonResourceURLs.length > 0) {
        if (isNamespaced)
          causes.push(invalidValue(`${path}.nonResourceURLs`, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'))
        if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0)
          causes.push(
            invalidValue(`${path}.nonResourceURLs`, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'),
          )
        return causes
      }
      if (apiGroups.length === 0) causes.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'))
      if (resources.length === 0) causes.push(required(`${path}.resources`, 'resource rules must supply at least one resource'))
      return causes
    },
  )
}

function setBindingDefaults({ roleRef, subjects = [] }: Binding): void {
  if (roleRef !== undefined) roleRef.apiGroup ||= group
  for (const subject of subjects) subject.apiGroup ??= subject.kind === 'User' || subject.kind === 'Group' ? group : ''
  for (const subject of subjects) if (subject.apiGroup === '') delete subject.apiGroup
}

const subjectRules: Readonly<Record<string, FieldRules<RbacV1Subject>>> = {
  ServiceAccount: { name: formed(checkSubdomain), apiGroup: (name, field) => (name ? [notSupported(field, name, [''])] : []) },
  User: { apiGroup: groupOnly },
  Group: { apiGroup: groupOnly },
}

function groupOnly(name: string | undefined, field: string): readonly StatusCause[] {
  return oneOf(group)(name ?? '', field)
}

function validateBinding({ roleRef, subjects = [] }: Binding, kinds: readonly string[]): StatusCause[] {
  const { apiGroup = '', kind = '', name = '' } = partial(roleRef ?? ({} as Partial<RbacV1RoleRef>))
  return [
    ...oneOf(group)(apiGroup, 'roleRef.apiGroup'),
    ...oneOf(...kinds)(kind, 'roleRef.kind'),
    ...named(checkPathSegment)(name, 'roleRef.name'),
    ...subjects.flatMap((subject, index) => validateSubject(subject, `subjects[${index}]`, kinds.length === 1)),
  ]
}

/** `needsNamespace`: where the binding has none that an account could be in. */
function validateSubject(subject: RbacV1Subject, path: string, needsNamespace: boolean): StatusCause[] {
  const { kind = '', name, namespace } = partial(subject)
  const rules = Object.hasOwn(subjectRules, kind) ? subjectRules[kind]! : undefined
  return [
    ...present()(name, `${path}.name`),
    ...(rules === undefined
      ? [notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group'])]
      : checkFields(subject, path, rules)),
    ...(kind === 'ServiceAccount' && needsNamespace ? present()(namespace, `${path}.namespace`) : []),
  ]
}

const validateRoleRef = ({ roleRef }: Binding, previous: Binding): StatusCause[] =>
  isDeepStrictEqual(roleRef, previous.roleRef) ? [] : [invalidValue('roleRef', roleRef, 'cannot change roleRef')]

function bindingCells(object: Binding, now: number): string[] {
  const subjects = object.subjects ?? []
  const named = (kind: string) =>
    subjects
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
      .join(', ')
  return [
    object.metadata.name ?? '',
    `${object.roleRef?.kind}/${object.roleRef?.name}`,
    ageCell(object, now),
    named('User'),
    named('Group'),
    named('ServiceAccount'),
  ]
}

function validateAggregation(rule: RbacV1AggregationRule | undefined): StatusCause[] {
  const field = 'aggregationRule.clusterRoleSelectors'
  const selectors = rule?.clusterRoleSelectors ?? []
  if (rule !== undefined && selectors.length === 0)
    return [required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')]
  return selectors.flatMap((selector, index) => {
    const path = `${field}[${index}]`
    const causes = validateLabelSelector(selector, path)
    return causes.length > 0 ? [...causes, invalidValue(path, selector, 'invalid label selector.')] : causes
  })
}

export const role: KindPart<RbacV1Role> = {
  kind: RbacV1Role,
  nameRule: 'path',
  createsOnUpdate: true,
  setDefaults(object) {
    object.rules ??= []
  },
  validate: ({ rules }) => validateRules(rules, true),
  columns: createdColumns,
  cells: createdCells,
}

export const clusterRole: KindPart<RbacV1ClusterRole> = {
  kind: RbacV1ClusterRole,
  nameRule: 'path',
  createsOnUpdate: true,
  setDefaults(object) {
    object.rules ??= []
  },
  validate: ({ rules, aggregationRule }) => [...validateRules(rules, false), ...validateAggregation(aggregationRule)],
  columns: createdColumns,
  cells: createdCells,
}

export const roleBinding: KindPart<RbacV1RoleBinding> = {
  kind: RbacV1RoleBinding,
  nameRule: 'path',
  createsOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: (object) => validateBinding(object, ['Role', 'ClusterRole']),
  validateUpdate: validateRoleRef,
  columns: bindingColumns,
  cells: bindingCells,
}

export const clusterRoleBinding: KindPart<RbacV1ClusterRoleBinding> = {
  kind: RbacV1ClusterRoleBinding,
  nameRule: 'path',
  createsOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: (object) => validateBinding(object, ['ClusterRole']),
  validateUpdate: validateRoleRef,
  columns: bindingColumns,
  cells: bindingCells,
}
