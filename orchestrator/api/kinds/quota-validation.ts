import { invalidValue, required } from '../field-errors.ts'
import type { CoreV1ResourceQuotaSpec, CoreV1ScopedResourceSelectorRequirement } from '../generated/kinds.ts'
import type { StatusCause } from '../status-error.ts'
import { checkQuotaResourceName, isQuotaResource, validateAmounts } from './resource-validation.ts'

const podAmounts = ['pods', 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
/** What a quota can limit of the objects that are in a scope. */
const scopes: Readonly<Record<string, readonly string[]>> = {
  Terminating: podAmounts,
  NotTerminating: podAmounts,
  BestEffort: ['pods'],
  NotBestEffort: podAmounts,
  PriorityClass: podAmounts,
  CrossNamespacePodAffinity: podAmounts,
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
}
const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
]
const plainScopes = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity']
const existsMessage =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"

const isScope = (scope: string) => Object.hasOwn(scopes, scope)
const hasOpposites = (given: readonly string[]) => opposites.some((pair) => pair.every((scope) => given.includes(scope)))

/** Everything wrong with a quota: amounts, and which objects it is about. */
export function validateQuota({ hard = {}, scopes: given = [], scopeSelector }: CoreV1ResourceQuotaSpec): StatusCause[] {
  const names = Object.keys(hard).filter(isQuotaResource)
  const field = 'spec.scopes'
  const unfit = (scope: string) => names.filter((name) => isScope(scope) && !scopes[scope]!.includes(name))
  const causes = given.flatMap((scope) => [
    ...(isScope(scope) ? [] : [invalidValue(field, given, 'unsupported scope')]),
    ...unfit(scope).map(() => invalidValue(field, given, 'unsupported scope applied to resource')),
  ])
  if (hasOpposites(given)) causes.push(invalidValue(field, given, 'conflicting scopes'))
  const path = 'spec.scopeSelector.matchExpressions'
  const requirements = scopeSelector?.matchExpressions ?? []
  const selected = requirements.flatMap((requirement) => [
    ...unfit(requirement.scopeName ?? '').map(() => invalidValue(path, scopeSelector, 'unsupported scope applied to resource')),
    ...validateRequirement(requirement, path),
  ])
  if (hasOpposites(requirements.map(({ scopeName }) => scopeName))) selected.push(invalidValue(path, given, 'conflicting scopes'))
  return [...validateAmounts(hard, 'spec.hard', checkQuotaResourceName), ...causes, ...selected]
}

/** Upstream names the list, not the requirement. */
function validateRequirement(
  { scopeName = '', operator = '', values = [] }: Partial<CoreV1ScopedResourceSelectorRequirement>,
  path: string,
): StatusCause[] {
  const causes: StatusCause[] = isScope(scopeName) ? [] : [invalidValue(`${path}.scopeName`, scopeName, 'unsupported scope')]
  if (plainScopes.includes(scopeName) && operator !== 'Exists') causes.push(invalidValue(`${path}.operator`, operator, existsMessage))
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      causes.push(required(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      causes.push(
        invalidValue(`${path}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"),
      )
  } else causes.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'))
  return causes
}
