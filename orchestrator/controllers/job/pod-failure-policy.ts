import type { BatchV1PodFailurePolicy, BatchV1PodFailurePolicyRule, CoreV1Pod } from '../../api/generated/kinds.ts'

/** What a failed pod means for its Job, and which rule says so. */
export interface FailureVerdict {
  readonly action: 'Count' | 'Ignore' | 'FailIndex' | 'FailJob'
  readonly message: string
}

/** The verdict of the first rule that matches; pods that none matches count. */
export function judgeFailure(policy: BatchV1PodFailurePolicy | undefined, pod: CoreV1Pod): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const why = matchExitCodes(rule, pod) ?? matchConditions(rule, pod)
    if (why !== undefined)
      return { action: rule.action as FailureVerdict['action'], message: `${why} matching ${rule.action} rule at index ${index}` }
  }
  return { action: 'Count', message: '' }
}

function matchExitCodes({ onExitCodes }: BatchV1PodFailurePolicyRule, { metadata, status }: CoreV1Pod): string | undefined {
  if (onExitCodes === undefined) return undefined
  const { containerName, operator, values } = onExitCodes
  for (const { name, state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const exitCode = state?.terminated?.exitCode
    if (exitCode === undefined || exitCode === 0 || (containerName !== undefined && containerName !== name)) continue
    if (values.includes(exitCode) === (operator === 'In'))
      return `Container ${name} for pod ${metadata.namespace}/${metadata.name} failed with exit code ${exitCode}`
  }
  return undefined
}

function matchConditions({ onPodConditions = [] }: BatchV1PodFailurePolicyRule, { metadata, status }: CoreV1Pod): string | undefined {
  for (const { type, status: wanted = 'True' } of onPodConditions) {
    if (status?.conditions?.some((condition) => condition.type === type && condition.status === wanted) === true)
      return `Pod ${metadata.namespace}/${metadata.name} has condition ${type}`
  }
  return undefined
}
