import type { RbacV1ClusterRole, RbacV1PolicyRule, RbacV1RoleBinding } from '../../api/generated/kinds.ts'
import { forbidden } from '../../api/status-error.ts'
import type { AccessAttributes, Authorizer } from '../auth/authorizer.ts'
import type { RbacAuthorizer } from '../auth/rbac.ts'
import { mastersGroup, type User } from '../auth/user.ts'
import { type AdmissionPlugin, type Attributes, resourceOf } from './admission.ts'
import { isSameJson } from '../rest/copy.ts'

const roles = new Set(['roles.rbac.authorization.k8s.io', 'clusterroles.rbac.authorization.k8s.io'])
const bindings = new Set(['rolebindings.rbac.authorization.k8s.io', 'clusterrolebindings.rbac.authorization.k8s.io'])

const everything: readonly RbacV1PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/** Nobody grants what he does not have himself, unless he may `escalate` roles or `bind` the role. */
export function rbacEscalation(authorizer: Authorizer, rbac: RbacAuthorizer): AdmissionPlugin {
  return {
    name: 'RbacEscalation',
    admit(attributes) {
      const { operation, declaration, user, object, previous, namespace } = attributes
      const resource = resourceOf(declaration)
      if (operation === 'DELETE' || user.groups.includes(mastersGroup)) return
      if (roles.has(resource)) {
        const { rules = [], aggregationRule } = object as RbacV1ClusterRole
        const before: Partial<RbacV1ClusterRole> | undefined = previous
        if (before !== undefined && isSameJson([rules, aggregationRule], [before.rules ?? [], before.aggregationRule])) return
        if (may(authorizer, attributes, 'escalate', declaration.kind.plural)) return
        // What such a role will hold is not known when it is written: it is for those who may do everything.
        requireRules(authorizer, attributes, aggregationRule === undefined ? rules : everything)
      } else if (bindings.has(resource)) {
        const { roleRef } = object as RbacV1RoleBinding
        const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
        if (!may(authorizer, { ...attributes, name: roleRef.name }, 'bind', plural))
          requireRules(authorizer, attributes, rbac.rulesOfRole(roleRef, namespace))
      }
    },
  }
}

function may(authorizer: Authorizer, { user, namespace, name }: Attributes, verb: string, resource: string): boolean {
  return authorizer.authorize({ ...nothing, user, verb, group: 'rbac.authorization.k8s.io', version: 'v1', resource, namespace, name })
    .isAllowed
}

const nothing: Omit<AccessAttributes, 'user' | 'verb'> = {
  isResource: true,
  group: '',
  version: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  path: '',
}

function requireRules(authorizer: Authorizer, attributes: Attributes, rules: readonly RbacV1PolicyRule[]): void {
  const missing = rules.filter((rule) => [...atoms(rule, attributes)].some((atom) => !authorizer.authorize(atom).isAllowed))
  if (missing.length === 0) return
  const { declaration, name, user } = attributes
  const texts = missing.map((rule) => JSON.stringify(rule)).join('\n')
  throw forbidden(
    declaration.kind,
    name,
    `user ${JSON.stringify(user.name)} (groups=${JSON.stringify(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${texts}`,
  )
}

/** The single permissions of a rule; `*` is one of its own, which only `*` covers. */
function* atoms(
  { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: RbacV1PolicyRule,
  { user, namespace }: { readonly user: User; readonly namespace: string },
): Generator<AccessAttributes> {
  const names = resourceNames.length === 0 ? [''] : resourceNames
  for (const verb of verbs) {
    for (const path of nonResourceURLs) yield { ...nothing, user, verb, isResource: false, path }
    for (const group of apiGroups) {
      for (const full of resources) {
        const [resource = '', subresource = ''] = full.split('/')
        for (const name of names) yield { ...nothing, user, verb, group, resource, subresource, namespace, name }
      }
    }
  }
}
