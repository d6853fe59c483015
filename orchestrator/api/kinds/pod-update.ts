import { isDeepStrictEqual } from 'node:util'
import { forbiddenField, invalidValue } from '../field-errors.ts'
import type { CoreV1Affinity, CoreV1Pod, CoreV1PodSpec } from '../generated/kinds.ts'
import type { StatusCause } from '../status-error.ts'

const fixedMessage =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** What of a pod may change after it was made: images, a shorter deadline, more tolerations; gates may go. All else is fixed. */
export function validatePodUpdate({ spec }: CoreV1Pod, { spec: before }: CoreV1Pod): StatusCause[] {
  for (const list of ['containers', 'initContainers'] as const)
    if ((spec[list] ?? []).length !== (before[list] ?? []).length)
      return [forbiddenField(`spec.${list}`, 'pod updates may not add or remove containers')]
  const causes = [...validateDeadline(spec, before), ...validateTolerationChanges(spec, before), ...validateGates(spec, before)]
  const isGated = (before.schedulingGates ?? []).length > 0
  if (isGated) causes.push(...validateNarrowing(spec, before))
  if (!isDeepStrictEqual(comparable(spec, isGated), comparable(before, isGated))) causes.push(forbiddenField('spec', fixedMessage))
  return causes
}

function validateDeadline(
  { activeDeadlineSeconds: seconds }: CoreV1PodSpec,
  { activeDeadlineSeconds: before }: CoreV1PodSpec,
): StatusCause[] {
  const field = 'spec.activeDeadlineSeconds'
  if (before === undefined) return []
  if (seconds === undefined) return [invalidValue(field, null, 'must not update from a positive integer to nil value')]
  return seconds > before ? [invalidValue(field, seconds, 'must be less than or equal to previous value')] : []
}

function validateTolerationChanges({ tolerations = [] }: CoreV1PodSpec, { tolerations: before = [] }: CoreV1PodSpec): StatusCause[] {
  const isKept = (toleration: object) =>
    tolerations.some((candidate) =>
      isDeepStrictEqual({ ...candidate, tolerationSeconds: undefined }, { ...toleration, tolerationSeconds: undefined }),
    )
  return before
    .filter((toleration) => !isKept(toleration))
    .map(() => forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'))
}

function validateGates({ schedulingGates = [] }: CoreV1PodSpec, { schedulingGates: before = [] }: CoreV1PodSpec): StatusCause[] {
  return schedulingGates.flatMap(({ name }, index) =>
    before.some((gate) => gate.name === name)
      ? []
      : [forbiddenField(`spec.schedulingGates[${index}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`)],
  )
}

/** A pod that still has gates may get a narrower placement. */
function validateNarrowing(spec: CoreV1PodSpec, before: CoreV1PodSpec): StatusCause[] {
  const causes: StatusCause[] = []
  const selector = spec.nodeSelector ?? {}
  if (Object.entries(before.nodeSelector ?? {}).some(([key, value]) => selector[key] !== value))
    causes.push(
      invalidValue(
        'spec.nodeSelector',
        spec.nodeSelector ?? null,
        'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ),
    )
  const known = before.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  if (known.length === 0) return causes
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution'
  const terms = required?.nodeSelectorTerms ?? []
  if (terms.length !== known.length)
    return [
      ...causes,
      invalidValue(`${field}.nodeSelectorTerms`, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'),
    ]
  terms.forEach((term, index) => {
    const { matchExpressions = [], matchFields = [] } = known[index]!
    const isKept =
      matchExpressions.every((each, at) => isDeepStrictEqual(each, term.matchExpressions?.[at])) &&
      matchFields.every((each, at) => isDeepStrictEqual(each, term.matchFields?.[at]))
    if (!isKept)
      causes.push(invalidValue(`${field}.nodeSelectorTerms[${index}]`, term, 'only additions are allowed (no mutations or deletions)'))
  })
  return causes
}

/** A spec with everything that may change taken out. */
function comparable(spec: CoreV1PodSpec, isGated: boolean): object {
  const { activeDeadlineSeconds: _, tolerations: __, schedulingGates: ___, containers, initContainers = [], ...rest } = spec
  const withoutImages = (list: readonly { image?: string }[]) => list.map(({ image: ____, ...container }) => container)
  const fixed = { ...rest, containers: withoutImages(containers ?? []), initContainers: withoutImages(initContainers) }
  if (!isGated) return fixed
  const { nodeAffinity: _____, ...affinity }: CoreV1Affinity = rest.affinity ?? {}
  return { ...fixed, nodeSelector: undefined, affinity }
}
