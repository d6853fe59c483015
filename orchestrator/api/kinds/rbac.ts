import { isDeepStrictEqual } from 'node:util'
import { invalidValue, notSupported, required } from '../field-errors.ts'
import {
  RbacV1ClusterRole,
  RbacV1ClusterRoleBinding,
  RbacV1Role,
  RbacV1RoleBinding,
  type RbacV1PolicyRule,
  type RbacV1RoleRef,
  type RbacV1Subject,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'

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
  return (rules ?? []).flatMap(({ verbs = [], apiGroups = [], resources = [], nonResourceURLs = [] }: Partial<RbacV1PolicyRule>, index) => {
    const path = `rules[${index}]`
    const causes: StatusCause[] = []
    if (verbs.length === 0) causes.push(required(`${path}.verbs`, 'verbs must contain at least one value'))
    if (nonResourceURLs.length > 0) {
      if (isNamespaced)
        causes.push(invalidValue(`${path}.nonResourceURLs`, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'))
      if (apiGroups.length > 0 || resources.length > 0)
        causes.push(
          invalidValue(`${path}.nonResourceURLs`, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'),
        )
      return causes
    }
    if (apiGroups.length === 0) causes.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'))
    if (resources.length === 0) causes.push(required(`${path}.resources`, 'resource rules must supply at least one resource'))
    return causes
  })
}

function setBindingDefaults({ roleRef, subjects = [] }: Binding): void {
  if (roleRef !== undefined) roleRef.apiGroup ||= group
  for (const subject of subjects) subject.apiGroup ??= subject.kind === 'User' || subject.kind === 'Group' ? group : ''
  for (const subject of subjects) if (subject.apiGroup === '') delete subject.apiGroup
}

function validateBinding({ roleRef, subjects = [] }: Binding, kinds: readonly string[]): StatusCause[] {
  const causes: StatusCause[] = []
  if (roleRef?.apiGroup !== group) causes.push(notSupported('roleRef.apiGroup', roleRef?.apiGroup ?? '', [group]))
  if (!kinds.includes(roleRef?.kind ?? '')) causes.push(notSupported('roleRef.kind', roleRef?.kind ?? '', kinds))
  if (!roleRef?.name) causes.push(required('roleRef.name'))
  subjects.forEach(({ kind, name, namespace }, index) => {
    const path = `subjects[${index}]`
    if (!name) causes.push(required(`${path}.name`))
    if (!['ServiceAccount', 'User', 'Group'].includes(kind))
      causes.push(notSupported(`${path}.kind`, kind ?? '', ['Group', 'ServiceAccount', 'User']))
    if (kind === 'ServiceAccount' && !namespace && kinds.length === 1) causes.push(required(`${path}.namespace`))
  })
  return causes
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
  validate: ({ rules }) => validateRules(rules, false),
  columns: createdColumns,
  cells: createdCells,
}

export const roleBinding: KindPart<RbacV1RoleBinding> = {
  kind: RbacV1RoleBinding,
  nameRule: 'path',
  createsOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: (object) => validateBinding(object, ['ClusterRole', 'Role']),
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
