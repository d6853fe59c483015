import { duplicate, forbiddenField, invalidValue, required } from '../field-errors.ts'
import { between, causesOf, checkFields, oneOf, present, type FieldRules, type Rule } from '../field-rules.ts'
import type {
  CoreV1Affinity,
  CoreV1NodeSelector,
  CoreV1NodeSelectorRequirement,
  CoreV1NodeSelectorTerm,
  CoreV1PodAffinityTerm,
  CoreV1PreferredSchedulingTerm,
  CoreV1Toleration,
  CoreV1TopologySpreadConstraint,
  CoreV1WeightedPodAffinityTerm,
  MetaV1LabelSelector,
} from '../generated/kinds.ts'
import { checkLabel, checkLabelValue, checkQualifiedName, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validateLabelSelector } from '../validation.ts'

export const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']
const requiredTerms = 'requiredDuringSchedulingIgnoredDuringExecution'
const preferredTerms = 'preferredDuringSchedulingIgnoredDuringExecution'

/** What taints a pod may be placed in spite of. */
export function validateTolerations(tolerations: readonly CoreV1Toleration[], field: string): StatusCause[] {
  return tolerations.flatMap(({ key, operator = '', value = '', effect = '', tolerationSeconds }, index) => {
    const path = `${field}[${index}]`
    const causes: StatusCause[] = key ? causesOf(checkQualifiedName, key, `${path}.key`) : []
    if (!key && operator !== 'Exists')
      causes.push(
        invalidValue(
          `${path}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      )
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      causes.push(invalidValue(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    if (operator === '' || operator === 'Equal') {
      const problems = checkLabelValue(value)
      if (problems.length > 0) causes.push(invalidValue(`${path}.operator`, value, problems.join(';')))
    } else if (operator === 'Exists') {
      if (value !== '') causes.push(invalidValue(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"))
    } else
      causes.push(
        ...oneOf(...(/^[GL]t$/.test(operator) ? ['Equal', 'Exists', 'Lt', 'Gt'] : ['Equal', 'Exists']).filter((word) => word !== operator))(
          operator,
          `${path}.operator`,
        ),
      )
    if (effect !== '') causes.push(...oneOf(...taintEffects)(effect, `${path}.effect`))
    return causes
  })
}

/** Which nodes and which other pods a pod is to be near, or far from. */
export function validateAffinity({ nodeAffinity, podAffinity, podAntiAffinity }: CoreV1Affinity, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const nodes = nodeAffinity?.[requiredTerms]
  if (nodes !== undefined) causes.push(...validateNodeSelector(nodes, `${path}.nodeAffinity.${requiredTerms}`))
  nodeAffinity?.[preferredTerms]?.forEach(({ weight, preference }: Partial<CoreV1PreferredSchedulingTerm>, index) => {
    const field = `${path}.nodeAffinity.${preferredTerms}[${index}]`
    causes.push(...checkWeight(weight, `${field}.weight`))
    // Values of preferences may be what they like: they only fail to match.
    causes.push(...validateTerm(preference ?? {}, `${field}.preference`, { checksValues: false }))
  })
  for (const [name, affinity] of Object.entries({ podAffinity, podAntiAffinity })) {
    affinity?.[requiredTerms]?.forEach((term, index) => causes.push(...validatePodTerm(term, `${path}.${name}.${requiredTerms}[${index}]`)))
    affinity?.[preferredTerms]?.forEach(({ weight, podAffinityTerm }: Partial<CoreV1WeightedPodAffinityTerm>, index) => {
      const field = `${path}.${name}.${preferredTerms}[${index}]`
      causes.push(...checkWeight(weight, `${field}.weight`))
      causes.push(...validatePodTerm(podAffinityTerm ?? {}, `${field}.podAffinityTerm`))
    })
  }
  return causes
}

const checkWeight: Rule<number> = (weight, field) => between(1, 100, 'must be in the range 1-100')(weight ?? 0, field)

function validatePodTerm(term: Partial<CoreV1PodAffinityTerm>, path: string): StatusCause[] {
  const { topologyKey = '', labelSelector, namespaceSelector, namespaces = [], matchLabelKeys = [], mismatchLabelKeys = [] } = term
  const causes: StatusCause[] = labelSelector === undefined ? [] : validateLabelSelector(labelSelector, `${path}.labelSelector`)
  if (namespaceSelector !== undefined) causes.push(...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`))
  for (const name of namespaces) causes.push(...causesOf(checkLabel, name, `${path}.namespace`))
  causes.push(...validateLabelKeys({ matchLabelKeys, mismatchLabelKeys, labelSelector }, path))
  if (topologyKey === '') causes.push(required(`${path}.topologyKey`, 'can not be empty'))
  return [...causes, ...causesOf(checkQualifiedName, topologyKey, `${path}.topologyKey`)]
}

interface LabelKeys {
  readonly matchLabelKeys: readonly string[]
  readonly mismatchLabelKeys: readonly string[]
  readonly labelSelector: MetaV1LabelSelector | undefined
}

/** Labels whose values are taken from the pod itself. */
function validateLabelKeys({ matchLabelKeys, mismatchLabelKeys, labelSelector }: LabelKeys, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  for (const [name, keys] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    const field = `${path}.${name}`
    if (keys.length > 0 && labelSelector === undefined)
      causes.push(forbiddenField(field, 'must not be specified when labelSelector is not set'))
    else keys.forEach((key, index) => causes.push(...causesOf(checkQualifiedName, key, `${field}[${index}]`)))
  }
  const selected = new Set(Object.keys(labelSelector?.matchLabels ?? {}))
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    // Upstream names the term, with the index of the key.
    if (matchLabelKeys.includes(key) && selected.has(key))
      causes.push(invalidValue(`${path}[${matchLabelKeys.indexOf(key)}]`, key, 'exists in both matchLabelKeys and labelSelector'))
    selected.add(key)
  }
  matchLabelKeys.forEach((key, index) => {
    if (mismatchLabelKeys.includes(key))
      causes.push(invalidValue(`${path}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'))
  })
  return causes
}

/** Which nodes are meant: at least one term. */
export function validateNodeSelector({ nodeSelectorTerms = [] }: Partial<CoreV1NodeSelector>, path: string): StatusCause[] {
  const field = `${path}.nodeSelectorTerms`
  if (nodeSelectorTerms.length === 0) return [required(field, 'must have at least one node selector term')]
  return nodeSelectorTerms.flatMap((term, index) => validateTerm(term, `${field}[${index}]`, { checksValues: true }))
}

function validateTerm(
  { matchExpressions = [], matchFields = [] }: CoreV1NodeSelectorTerm,
  path: string,
  { checksValues }: { readonly checksValues: boolean },
): StatusCause[] {
  return [
    ...matchExpressions.flatMap((requirement, index) => {
      const field = `${path}.matchExpressions[${index}]`
      return [
        ...validateOperator(requirement, field),
        ...causesOf(checkQualifiedName, requirement.key ?? '', `${field}.key`),
        ...(checksValues ? checkValues(requirement.values, `${field}.values`, checkLabelValue) : []),
      ]
    }),
    ...matchFields.flatMap((requirement, index) => validateFieldRequirement(requirement, `${path}.matchFields[${index}]`)),
  ]
}

const checkValues = (values: readonly string[] | undefined, field: string, check: (text: string) => readonly string[]) =>
  (values ?? []).flatMap((value, index) => causesOf(check, value, `${field}[${index}]`))

function validateOperator({ operator = '', values = [] }: Partial<CoreV1NodeSelectorRequirement>, path: string): StatusCause[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length === 0 ? [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")] : []
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
    case 'Gt':
    case 'Lt':
      return values.length === 1 ? [] : [required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
    default:
      return [invalidValue(`${path}.operator`, operator, 'not a valid selector operator')]
  }
}

/** Of a node's fields only its name can be asked for. */
function validateFieldRequirement(
  { key = '', operator = '', values = [] }: Partial<CoreV1NodeSelectorRequirement>,
  path: string,
): StatusCause[] {
  const causes: StatusCause[] = []
  if (operator !== 'In' && operator !== 'NotIn') causes.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'))
  else if (values.length !== 1)
    causes.push(required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
  if (key !== 'metadata.name') return [...causes, invalidValue(`${path}.key`, key, 'not a valid field selector key')]
  return [...causes, ...checkValues(values, `${path}.values`, checkSubdomain)]
}

const spreadRules: FieldRules<CoreV1TopologySpreadConstraint> = {
  maxSkew: (skew, field) => between(1, Number.MAX_SAFE_INTEGER, 'must be greater than zero')(skew ?? 0, field),
  topologyKey: present('can not be empty'),
  whenUnsatisfiable: (word, field) => oneOf('DoNotSchedule', 'ScheduleAnyway')(word ?? '', field),
  minDomains: between(1, Number.MAX_SAFE_INTEGER, 'must be greater than zero'),
  nodeAffinityPolicy: oneOf('Honor', 'Ignore'),
  nodeTaintsPolicy: oneOf('Honor', 'Ignore'),
  labelSelector: (selector, field) => (selector === undefined ? [] : validateLabelSelector(selector, field)),
}

/** How evenly pods are to be spread. */
export function validateSpread(constraints: readonly CoreV1TopologySpreadConstraint[], field: string): StatusCause[] {
  return constraints.flatMap((constraint, index) => {
    const path = `${field}[${index}]`
    const { topologyKey, whenUnsatisfiable, minDomains, matchLabelKeys = [], labelSelector } = constraint
    const causes = checkFields(constraint, path, spreadRules)
    const isRepeated = constraints
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable)
    if (isRepeated) causes.push(duplicate(`${path}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey ?? ''}, ${whenUnsatisfiable ?? ''}}`))
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule')
      causes.push(
        invalidValue(
          `${path}.minDomains`,
          minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable ?? ''}`,
        ),
      )
    return [...causes, ...validateLabelKeys({ matchLabelKeys, mismatchLabelKeys: [], labelSelector }, path)]
  })
}
