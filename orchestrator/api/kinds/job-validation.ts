import { duplicate, invalidValue, notSupported, required, tooLong, tooMany } from '../field-errors.ts'
import { causesOf, checkFields, choice, count, oneOf, type FieldRules, type Rule } from '../field-rules.ts'
import type {
  BatchV1JobSpec,
  BatchV1PodFailurePolicyOnExitCodesRequirement,
  BatchV1PodFailurePolicyOnPodConditionsPattern,
  BatchV1PodFailurePolicyRule,
  BatchV1SuccessPolicyRule,
} from '../generated/kinds.ts'
import { checkQualifiedName, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validatePodTemplate } from './pod-validation.ts'

const maxIndexedParallelism = 100_000
const maxFailedIndexes = 100_000
/** More completions than this need bounds on what runs and fails at a time. */
const manyCompletions = 100_000
const maxWithManyCompletions = 10_000
const maxPolicyRules = 20
const maxPatterns = 20
const maxExitCodes = 255
const maxManagerLength = 63
const maxIndexesLength = 64 * 1024
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const truths = ['False', 'True', 'Unknown']
const operators = ['In', 'NotIn']
/** The words as upstream lists them in the text of a missing one. */
const validValues = (words: readonly string[]) => `valid values: [${words.map((word) => JSON.stringify(word)).join(' ')}]`

const httpPath = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/

/** A domain, a slash and a path, such as `example.com/controller`. Upstream blames the part that is wrong. */
export const domainPath: Rule<string> = (text = '', field) => {
  if (text === '') return [required(field)]
  const slash = text.indexOf('/')
  const [domain, path] = [text.slice(0, Math.max(slash, 0)), text.slice(slash + 1)]
  if (slash < 0 || domain === '' || path === '')
    return [invalidValue(field, text, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  return [
    ...causesOf(checkSubdomain, domain, field),
    ...(httpPath.test(path)
      ? []
      : [invalidValue(field, path, "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')")]),
  ]
}

const rules: FieldRules<BatchV1JobSpec> = {
  parallelism: count,
  completions: count,
  activeDeadlineSeconds: count,
  backoffLimit: count,
  ttlSecondsAfterFinished: count,
  backoffLimitPerIndex: count,
  maxFailedIndexes: count,
  managedBy: (name, field) =>
    name === undefined ? [] : [...domainPath(name, field), ...(name.length > maxManagerLength ? [tooLong(field, maxManagerLength)] : [])],
  completionMode: oneOf('NonIndexed', 'Indexed'),
}

/** The rules of a job's spec, without those of its selector, which a CronJob's template doesn't have. */
export function validateJobSpec(spec: BatchV1JobSpec, path: string): StatusCause[] {
  const { maxFailedIndexes: maxFailed, backoffLimitPerIndex, podFailurePolicy, podReplacementPolicy: replacement } = spec
  return [
    ...checkFields(spec, path, rules),
    ...(maxFailed !== undefined && backoffLimitPerIndex === undefined
      ? [required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...(spec.completionMode === 'Indexed' ? validateIndexed(spec, path) : validateUnindexed(spec, path)),
    ...validateFailurePolicy(spec, `${path}.podFailurePolicy.rules`),
    ...(replacement === undefined
      ? []
      : oneOf(...(podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']))(
          replacement,
          `${path}.podReplacementPolicy`,
        )),
    ...validatePodTemplate(spec.template, `${path}.template`),
    ...validateRestartPolicy(spec, `${path}.template.spec.restartPolicy`),
  ]
}

function validateRestartPolicy({ template, podFailurePolicy }: BatchV1JobSpec, field: string): StatusCause[] {
  if (template?.spec === undefined) return []
  const { restartPolicy = '' } = template.spec
  if (restartPolicy === '' || restartPolicy === 'Always') return [required(field, 'valid values: "OnFailure", "Never"')]
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') return [notSupported(field, restartPolicy, ['OnFailure', 'Never'])]
  return podFailurePolicy !== undefined && restartPolicy !== 'Never'
    ? [invalidValue(field, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')]
    : []
}

function validateIndexed(spec: BatchV1JobSpec, path: string): StatusCause[] {
  const { completions, parallelism = 0, maxFailedIndexes: maxFailed, backoffLimitPerIndex, successPolicy } = spec
  const causes: StatusCause[] = []
  if (completions === undefined) causes.push(required(`${path}.completions`, 'when completion mode is Indexed'))
  if (parallelism > maxIndexedParallelism)
    causes.push(
      invalidValue(
        `${path}.parallelism`,
        parallelism,
        `must be less than or equal to ${maxIndexedParallelism} when completion mode is Indexed`,
      ),
    )
  if (completions !== undefined && maxFailed !== undefined && maxFailed > completions)
    causes.push(invalidValue(`${path}.maxFailedIndexes`, maxFailed, 'must be less than or equal to completions'))
  if (maxFailed !== undefined && maxFailed > maxFailedIndexes)
    causes.push(invalidValue(`${path}.maxFailedIndexes`, maxFailed, `must be less than or equal to ${maxFailedIndexes}`))
  if ((completions ?? 0) > manyCompletions && backoffLimitPerIndex !== undefined) {
    const bound = `must be less than or equal to ${maxWithManyCompletions} when completions are above ${manyCompletions} and used with backoff limit per index`
    if (maxFailed === undefined)
      causes.push(required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`))
    if (parallelism > maxWithManyCompletions) causes.push(invalidValue(`${path}.parallelism`, parallelism, bound))
    if ((maxFailed ?? 0) > maxWithManyCompletions) causes.push(invalidValue(`${path}.maxFailedIndexes`, maxFailed, bound))
  }
  if (successPolicy === undefined) return causes
  const field = `${path}.successPolicy.rules`
  const list = successPolicy.rules ?? []
  if (list.length === 0) causes.push(required(field, 'at least one rules must be specified when the successPolicy is specified'))
  if (list.length > maxPolicyRules) causes.push(tooMany(field, list.length, maxPolicyRules))
  return [...causes, ...list.flatMap((rule, index) => validateSuccessRule(rule, `${field}[${index}]`, completions ?? 0))]
}

function validateUnindexed(spec: BatchV1JobSpec, path: string): StatusCause[] {
  if (spec.completionMode !== undefined && spec.completionMode !== 'NonIndexed') return []
  return (['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'] as const).flatMap((name) =>
    spec[name] === undefined ? [] : [invalidValue(`${path}.${name}`, spec[name], 'requires indexed completion mode')],
  )
}

function validateSuccessRule(
  { succeededCount, succeededIndexes }: BatchV1SuccessPolicyRule,
  path: string,
  completions: number,
): StatusCause[] {
  if (succeededCount === undefined && succeededIndexes === undefined)
    return [required(path, 'at least one of succeededCount or succeededIndexes must be specified')]
  const causes: StatusCause[] = []
  const indexes = countIndexes(succeededIndexes ?? '', completions)
  const field = `${path}.succeededIndexes`
  if ((succeededIndexes ?? '').length > maxIndexesLength) causes.push(tooLong(field, maxIndexesLength))
  if (typeof indexes === 'string') causes.push(invalidValue(field, succeededIndexes, `error parsing succeededIndexes: ${indexes}`))
  if (succeededCount === undefined) return causes
  const here = `${path}.succeededCount`
  causes.push(...count(succeededCount, here))
  if (succeededCount > completions)
    causes.push(invalidValue(here, succeededCount, `must be less than or equal to ${completions} (the number of specified completions)`))
  const total = typeof indexes === 'string' ? 0 : indexes
  if (succeededIndexes !== undefined && succeededCount > total)
    causes.push(
      invalidValue(
        here,
        succeededCount,
        `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
      ),
    )
  return causes
}

/** How many indexes a text such as `0-2,5` names; or what is wrong with it, in upstream's words. */
function countIndexes(text: string, completions: number): number | string {
  let last = -1
  let total = 0
  for (const interval of text === '' ? [] : text.split(',')) {
    const limits = interval.split('-')
    if (limits.length > 2)
      return `the fragment ${JSON.stringify(interval)} violates the requirement that an index interval can have at most two parts separated by '-'`
    for (const limit of limits) {
      if (!/^[+-]?\d+$/.test(limit)) return `cannot convert string to integer for index: ${JSON.stringify(limit)}`
      if (Number(limit) >= completions) return `too large index: ${JSON.stringify(limit)}`
    }
    const [from, to = from] = limits.map(Number) as [number, number?]
    if (limits.length === 2 && from >= to) return `non-increasing order, previous: ${from}, current: ${to}`
    if (last >= from) return `non-increasing order, previous: ${last}, current: ${from}`
    total += to - from + 1
    last = to
  }
  return total
}

function validateFailurePolicy({ podFailurePolicy, template, backoffLimitPerIndex }: BatchV1JobSpec, field: string): StatusCause[] {
  const list = podFailurePolicy?.rules ?? []
  const containers = new Set([...(template?.spec?.containers ?? []), ...(template?.spec?.initContainers ?? [])].map(({ name }) => name))
  return [
    ...(list.length > maxPolicyRules ? [tooMany(field, list.length, maxPolicyRules)] : []),
    ...list.flatMap((rule: Partial<BatchV1PodFailurePolicyRule>, index) => {
      const { action = '', onExitCodes, onPodConditions: conditions = [] } = rule
      const path = `${field}[${index}]`
      const causes: StatusCause[] =
        action === 'FailIndex' && backoffLimitPerIndex === undefined
          ? [invalidValue(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set')]
          : [...choice(actions, validValues(actions))(action, `${path}.action`)]
      if (onExitCodes !== undefined) causes.push(...validateExitCodes(onExitCodes, `${path}.onExitCodes`, containers))
      causes.push(...validatePatterns(conditions, `${path}.onPodConditions`))
      if (onExitCodes !== undefined && conditions.length > 0)
        causes.push(unfit(path, 'specifying both OnExitCodes and OnPodConditions is not supported'))
      if (onExitCodes === undefined && conditions.length === 0)
        causes.push(unfit(path, 'specifying one of OnExitCodes and OnPodConditions is required'))
      return causes
    }),
  ]
}

/** An invalid value that upstream doesn't print. */
const unfit = (field: string, detail: string): StatusCause => ({ reason: 'FieldValueInvalid', message: `Invalid value: ${detail}`, field })

function validatePatterns(patterns: readonly BatchV1PodFailurePolicyOnPodConditionsPattern[], field: string): StatusCause[] {
  return [
    ...(patterns.length > maxPatterns ? [tooMany(field, patterns.length, maxPatterns)] : []),
    ...patterns.flatMap(({ type = '', status }: Partial<BatchV1PodFailurePolicyOnPodConditionsPattern>, index) => [
      ...causesOf(checkQualifiedName, type, `${field}[${index}].type`),
      ...choice(truths, validValues(truths))(status, `${field}[${index}].status`),
    ]),
  ]
}

function validateExitCodes(
  { operator, containerName, values = [] }: Partial<BatchV1PodFailurePolicyOnExitCodesRequirement>,
  path: string,
  containers: ReadonlySet<string>,
): StatusCause[] {
  const causes: StatusCause[] = [...choice(operators, validValues(operators))(operator, `${path}.operator`)]
  const field = `${path}.values`
  if (containerName !== undefined && !containers.has(containerName))
    causes.push(
      invalidValue(`${path}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template'),
    )
  if (values.length === 0) causes.push(invalidValue(field, values, 'at least one value is required'))
  else if (values.length > maxExitCodes) causes.push(tooMany(field, values.length, maxExitCodes))
  values.forEach((value, index) => {
    if (operator === 'In' && value === 0) causes.push(invalidValue(`${field}[${index}]`, value, 'must not be 0 for the In operator'))
    if (values.indexOf(value) < index) causes.push(duplicate(`${field}[${index}]`, value))
  })
  if (values.some((value, index) => index > 0 && values[index - 1]! > value)) causes.push(invalidValue(field, values, 'must be ordered'))
  return causes
}

/** The rules of a job that a CronJob makes: what the server adds to jobs must not be there. */
export function validateJobTemplate(spec: BatchV1JobSpec, path: string): StatusCause[] {
  return [
    ...validateJobSpec(spec, path),
    ...(spec.selector === undefined ? [] : [invalidValue(`${path}.selector`, spec.selector, '`selector` will be auto-generated')]),
    ...(spec.manualSelector === true ? [notSupported(`${path}.manualSelector`, true, ['nil', 'false'])] : []),
  ]
}
