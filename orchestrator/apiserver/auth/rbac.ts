import type {
  RbacV1ClusterRole,
  RbacV1ClusterRoleBinding,
  RbacV1PolicyRule,
  RbacV1RoleBinding,
  RbacV1Subject,
} from '../../api/generated/kinds.ts'
import { effectiveRules, isAggregated } from '../../api/role-aggregation.ts'
import type { Store } from '../../store/store.ts'
import type { AccessAttributes, Authorizer, Decision } from './authorizer.ts'
import type { User } from './user.ts'

const prefix = 'rbac.authorization.k8s.io/'
/** So many decisions are remembered until a role or binding changes. */
const maxRemembered = 20_000

/** The rules that a binding gives, and where: '' is everywhere. */
export interface Grant {
  readonly namespace: string
  readonly rules: readonly RbacV1PolicyRule[]
  /** For messages and audit. */
  readonly binding: string
}

/** Role-based access control over the roles and bindings in the store. */
export class RbacAuthorizer implements Authorizer {
  readonly #store: Store
  #grants: Map<string, Grant[]> | undefined
  readonly #decisions = new Map<string, Decision>()
  readonly #unsubscribe: () => void

  constructor(store: Store) {
    this.#store = store
    const forget = () => {
      this.#grants = undefined
      this.#decisions.clear()
    }
    this.#unsubscribe = store.watch(prefix, store.revision, { changed: forget, closed: forget })
  }

  stop(): void {
    this.#unsubscribe()
  }

  authorize(attributes: AccessAttributes): Decision {
    const { user, verb, isResource, group, resource, subresource, namespace, name, path } = attributes
    const key = JSON.stringify([user.name, user.groups, verb, isResource ? [group, resource, subresource, namespace, name] : path])
    let decision = this.#decisions.get(key)
    if (decision === undefined) {
      decision = this.#decide(attributes)
      if (this.#decisions.size >= maxRemembered) this.#decisions.clear()
      this.#decisions.set(key, decision)
    }
    return decision
  }

  /** The rules that count for a user in a namespace ('' for those that count everywhere only). */
  rulesOf(user: User, namespace: string): readonly RbacV1PolicyRule[] {
    return this.#grantsOf(user)
      .filter((grant) => grant.namespace === '' || grant.namespace === namespace)
      .flatMap((grant) => grant.rules)
  }

  /** The rules of the role that a binding names. */
  rulesOfRole(roleRef: { readonly kind: string; readonly name: string }, namespace: string): readonly RbacV1PolicyRule[] {
    const key = roleRef.kind === 'ClusterRole' ? `${prefix}clusterroles/${roleRef.name}` : `${prefix}roles/${namespace}/${roleRef.name}`
    const role = this.#store.get(key)?.object as RbacV1ClusterRole | undefined
    if (role === undefined || !isAggregated(role)) return role?.rules ?? []
    return effectiveRules(
      role,
      this.#store.list(`${prefix}clusterroles/`).entries.map(({ object }) => object as RbacV1ClusterRole),
    )
  }

  #decide(attributes: AccessAttributes): Decision {
    for (const { namespace, rules, binding } of this.#grantsOf(attributes.user)) {
      if (namespace !== '' && (!attributes.isResource || namespace !== attributes.namespace)) continue
      if (rules.some((rule) => allows(rule, attributes))) return { isAllowed: true, reason: `RBAC: allowed by ${binding}` }
    }
    return { isAllowed: false, reason: '' }
  }

  #grantsOf({ name, groups }: User): Grant[] {
    this.#grants ??= this.#readGrants()
    const found = [`User:${name}`, ...groups.map((group) => `Group:${group}`)]
    return found.flatMap((subject) => this.#grants!.get(subject) ?? [])
  }

  #readGrants(): Map<string, Grant[]> {
    const grants = new Map<string, Grant[]>()
    const add = (subjects: readonly RbacV1Subject[], grant: Grant) => {
      for (const subject of subjects) {
        const key = subjectKey(subject, grant.namespace)
        const list = grants.get(key)
        if (list === undefined) grants.set(key, [grant])
        else list.push(grant)
      }
    }
    for (const { object } of this.#store.list(`${prefix}clusterrolebindings/`).entries) {
      const { subjects = [], roleRef, metadata } = object as RbacV1ClusterRoleBinding
      add(subjects, { namespace: '', rules: this.rulesOfRole(roleRef, ''), binding: `ClusterRoleBinding "${metadata.name}"` })
    }
    for (const { object } of this.#store.list(`${prefix}rolebindings/`).entries) {
      const { subjects = [], roleRef, metadata } = object as RbacV1RoleBinding
      const namespace = metadata.namespace!
      add(subjects, { namespace, rules: this.rulesOfRole(roleRef, namespace), binding: `RoleBinding "${metadata.name}/${namespace}"` })
    }
    return grants
  }
}

function subjectKey({ kind, name, namespace }: RbacV1Subject, bindingNamespace: string): string {
  return kind === 'ServiceAccount' ? `User:system:serviceaccount:${namespace ?? bindingNamespace}:${name}` : `${kind}:${name}`
}

/** Whether one rule allows a request. */
export function allows(rule: RbacV1PolicyRule, attributes: AccessAttributes): boolean {
  const { verb, isResource, group, resource, subresource, name, path } = attributes
  if (!includes(rule.verbs, verb)) return false
  if (!isResource) return (rule.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, path))
  if (!includes(rule.apiGroups ?? [], group)) return false
  if (!matchesResource(rule.resources ?? [], resource, subresource)) return false
  const names = rule.resourceNames ?? []
  return names.length === 0 || (name !== '' && names.includes(name))
}

const includes = (list: readonly string[], value: string) => list.includes('*') || list.includes(value)

function matchesResource(resources: readonly string[], resource: string, subresource: string): boolean {
  const full = subresource === '' ? resource : `${resource}/${subresource}`
  return resources.includes('*') || resources.includes(full) || (subresource !== '' && resources.includes(`*/${subresource}`))
}

function matchesPath(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)))
}
