import { isDeepStrictEqual } from 'node:util'
import { forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import type {
  CoreV1NodeSelector,
  CoreV1Pod,
  CoreV1PodSpec,
  CoreV1PodTemplateSpec,
  CoreV1Toleration,
  CoreV1TopologySpreadConstraint,
} from '../generated/kinds.ts'
import { checkLabel, checkQualifiedName, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validateAnnotations, validateLabels, validateLabelSelector, validateUnique } from '../validation.ts'
import { isPort, validateContainer, validateContainers, type PodContext } from './container-validation.ts'
import { notNegative } from './resource-validation.ts'
import { validateVolumes } from './volume-validation.ts'

const restartPolicies = ['Always', 'OnFailure', 'Never']
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const tolerationEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']
const unsatisfiablePolicies = ['DoNotSchedule', 'ScheduleAnyway']

/** A workload's template: metadata and spec. `restartPolicies` narrows what the workload allows. */
export function validatePodTemplate(
  template: CoreV1PodTemplateSpec | undefined,
  field: string,
  allowedPolicies: readonly string[] = restartPolicies,
): StatusCause[] {
  if (template === undefined) return [required(field)]
  return [
    ...validateLabels(template.metadata?.labels ?? {}, `${field}.metadata.labels`),
    ...validateAnnotations(template.metadata?.annotations ?? {}, `${field}.metadata.annotations`),
    ...(template.spec === undefined ? [required(`${field}.spec`)] : validatePodSpec(template.spec, `${field}.spec`, allowedPolicies)),
  ]
}

/** Everything wrong with a pod's spec, with paths below `path`. */
export function validatePodSpec(spec: CoreV1PodSpec, path: string, allowedPolicies: readonly string[] = restartPolicies): StatusCause[] {
  const volumes = spec.volumes ?? []
  const context: PodContext = { volumeNames: new Set(volumes.map(({ name }) => name)), hostNetwork: spec.hostNetwork === true }
  return [
    ...validateVolumes(volumes, `${path}.volumes`),
    ...((spec.containers ?? []).length === 0 ? [required(`${path}.containers`)] : []),
    ...validateContainers(spec.containers ?? [], `${path}.containers`, context),
    ...validateContainers(spec.initContainers ?? [], `${path}.initContainers`, context),
    ...(spec.ephemeralContainers ?? []).flatMap((container, index) =>
      validateContainer(container, `${path}.ephemeralContainers[${index}]`, context),
    ),
    ...validateNamesAcrossLists(spec, path),
    ...validatePolicies(spec, path, allowedPolicies),
    ...validateNames(spec, path),
    ...validateLabels(spec.nodeSelector ?? {}, `${path}.nodeSelector`),
    ...validateHostPorts(spec, path),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...validateAffinity(spec, `${path}.affinity`),
    ...validateSpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
  ]
}

/** Init containers and containers share one space of names. */
function validateNamesAcrossLists({ containers = [], initContainers = [] }: Partial<CoreV1PodSpec>, path: string): StatusCause[] {
  const names = new Set(containers.map(({ name }) => name))
  return validateUnique(
    [...names, ...initContainers.map(({ name }) => name).filter((name) => names.has(name))],
    (_, index) => `${path}.initContainers[${index - names.size}].name`,
    (name) => name,
  )
}

function validatePolicies(spec: CoreV1PodSpec, path: string, allowedPolicies: readonly string[]): StatusCause[] {
  const causes: StatusCause[] = []
  const { restartPolicy, dnsPolicy, terminationGracePeriodSeconds, activeDeadlineSeconds } = spec
  if (!restartPolicy) causes.push(required(`${path}.restartPolicy`))
  else if (!allowedPolicies.includes(restartPolicy)) causes.push(notSupported(`${path}.restartPolicy`, restartPolicy, allowedPolicies))
  if (!dnsPolicy) causes.push(required(`${path}.dnsPolicy`))
  else if (!dnsPolicies.includes(dnsPolicy)) causes.push(notSupported(`${path}.dnsPolicy`, dnsPolicy, dnsPolicies))
  if (dnsPolicy === 'None' && (spec.dnsConfig?.nameservers ?? []).length === 0)
    causes.push(required(`${path}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'))
  if (terminationGracePeriodSeconds !== undefined && terminationGracePeriodSeconds < 0)
    causes.push(invalidValue(`${path}.terminationGracePeriodSeconds`, terminationGracePeriodSeconds, notNegative))
  if (activeDeadlineSeconds !== undefined && (activeDeadlineSeconds < 1 || activeDeadlineSeconds > 2_147_483_647))
    causes.push(invalidValue(`${path}.activeDeadlineSeconds`, activeDeadlineSeconds, 'must be between 1 and 2147483647, inclusive'))
  if (spec.hostPID === true && spec.shareProcessNamespace === true)
    causes.push(
      invalidValue(`${path}.securityContext.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    )
  return causes
}

function validateNames(spec: CoreV1PodSpec, path: string): StatusCause[] {
  const rules: readonly (readonly [string, string | undefined, (name: string) => readonly string[]])[] = [
    ['serviceAccountName', spec.serviceAccountName, checkSubdomain],
    ['nodeName', spec.nodeName, checkSubdomain],
    ['hostname', spec.hostname, checkLabel],
    ['subdomain', spec.subdomain, checkLabel],
    ['priorityClassName', spec.priorityClassName, checkSubdomain],
    ['runtimeClassName', spec.runtimeClassName, checkSubdomain],
  ]
  return rules.flatMap(([field, name, check]) =>
    name ? check(name).map((message) => invalidValue(`${path}.${field}`, name, message)) : [],
  )
}

/** One host port can be taken once per protocol and address. */
function validateHostPorts({ containers = [] }: Partial<CoreV1PodSpec>, path: string): StatusCause[] {
  const taken = containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap((port, index) =>
      port.hostPort && isPort(port.hostPort) ? [{ ...port, field: `${path}.containers[${container}].ports[${index}].hostPort` }] : [],
    ),
  )
  return validateUnique(
    taken,
    ({ field }) => field,
    ({ protocol, hostIP, hostPort }) => [protocol, hostIP ?? '', hostPort],
  ).map((cause, at) => {
    const conflict = taken.find(({ field }) => field === cause.field) ?? taken[at]!
    return { ...cause, message: `Duplicate value: ${conflict.hostPort}` }
  })
}

function validateTolerations(tolerations: readonly CoreV1Toleration[], field: string): StatusCause[] {
  return tolerations.flatMap(({ key, operator = 'Equal', value, effect, tolerationSeconds }, index) => {
    const path = `${field}[${index}]`
    const causes: StatusCause[] = []
    if (key) for (const message of checkQualifiedName(key)) causes.push(invalidValue(`${path}.key`, key, message))
    else if (operator !== 'Exists')
      causes.push(
        invalidValue(
          `${path}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      )
    if (!['Equal', 'Exists', ''].includes(operator)) causes.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']))
    if (operator === 'Exists' && value)
      causes.push(invalidValue(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"))
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      causes.push(invalidValue(`${path}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    if (effect && !tolerationEffects.includes(effect)) causes.push(notSupported(`${path}.effect`, effect, tolerationEffects))
    return causes
  })
}

function validateAffinity({ affinity }: CoreV1PodSpec, path: string): StatusCause[] {
  if (affinity === undefined) return []
  const causes: StatusCause[] = []
  const node = affinity.nodeAffinity
  const requiredNodes = node?.requiredDuringSchedulingIgnoredDuringExecution
  if (requiredNodes !== undefined)
    causes.push(...validateNodeSelector(requiredNodes, `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`))
  node?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight }, index) => {
    causes.push(...validateWeight(weight, `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${index}]`))
  })
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    affinity[name]?.requiredDuringSchedulingIgnoredDuringExecution?.forEach(({ topologyKey, labelSelector }, index) => {
      const field = `${path}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`
      causes.push(...validateTerm(topologyKey, field))
      if (labelSelector !== undefined) causes.push(...validateLabelSelector(labelSelector, `${field}.labelSelector`))
    })
    affinity[name]?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight, podAffinityTerm }, index) => {
      const field = `${path}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
      causes.push(...validateWeight(weight, field), ...validateTerm(podAffinityTerm?.topologyKey, `${field}.podAffinityTerm`))
    })
  }
  return causes
}

const validateWeight = (weight: number, field: string): StatusCause[] =>
  weight >= 1 && weight <= 100 ? [] : [invalidValue(`${field}.weight`, weight ?? 0, 'must be in the range 1-100')]

function validateTerm(topologyKey: string | undefined, field: string): StatusCause[] {
  if (!topologyKey) return [required(`${field}.topologyKey`, 'can not be empty')]
  return checkQualifiedName(topologyKey).map((message) => invalidValue(`${field}.topologyKey`, topologyKey, message))
}

const nodeSelectorOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']

function validateNodeSelector({ nodeSelectorTerms = [] }: Partial<CoreV1NodeSelector>, path: string): StatusCause[] {
  if (nodeSelectorTerms.length === 0) return [required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term')]
  return nodeSelectorTerms.flatMap(({ matchExpressions = [] }, term) =>
    matchExpressions.flatMap(({ key, operator, values = [] }, index) => {
      const field = `${path}.nodeSelectorTerms[${term}].matchExpressions[${index}]`
      const causes = checkQualifiedName(key ?? '').map((message) => invalidValue(`${field}.key`, key ?? '', message))
      if (!nodeSelectorOperators.includes(operator))
        causes.push(invalidValue(`${field}.operator`, operator ?? '', 'not a valid selector operator'))
      else if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
        causes.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
      else if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
        causes.push(forbiddenField(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      else if ((operator === 'Gt' || operator === 'Lt') && values.length !== 1)
        causes.push(required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
      return causes
    }),
  )
}

function validateSpread(constraints: readonly CoreV1TopologySpreadConstraint[], field: string): StatusCause[] {
  return constraints.flatMap(({ maxSkew, topologyKey, whenUnsatisfiable, labelSelector }, index) => {
    const path = `${field}[${index}]`
    const causes: StatusCause[] = []
    if (!(maxSkew > 0)) causes.push(invalidValue(`${path}.maxSkew`, maxSkew ?? 0, 'must be greater than zero'))
    if (!topologyKey) causes.push(required(`${path}.topologyKey`, 'can not be empty'))
    if (!unsatisfiablePolicies.includes(whenUnsatisfiable))
      causes.push(notSupported(`${path}.whenUnsatisfiable`, whenUnsatisfiable ?? '', unsatisfiablePolicies))
    if (labelSelector !== undefined) causes.push(...validateLabelSelector(labelSelector, `${path}.labelSelector`))
    return causes
  })
}

const fixedMessage =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** What of a pod may change after it was made: images, a shorter deadline, more tolerations; gates may go. All else is fixed. */
export function validatePodUpdate(pod: CoreV1Pod, previous: CoreV1Pod): StatusCause[] {
  const causes: StatusCause[] = []
  const { spec } = pod
  const before = previous.spec
  if (
    before.activeDeadlineSeconds !== undefined &&
    (spec.activeDeadlineSeconds === undefined || spec.activeDeadlineSeconds > before.activeDeadlineSeconds)
  )
    causes.push(
      invalidValue('spec.activeDeadlineSeconds', spec.activeDeadlineSeconds ?? null, `must be less than or equal to previous value`),
    )
  const kept = (before.tolerations ?? []).every((toleration) =>
    spec.tolerations?.some((candidate) =>
      isDeepStrictEqual({ ...candidate, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 }),
    ),
  )
  if (!kept) causes.push(forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'))
  const gates = new Set((before.schedulingGates ?? []).map(({ name }) => name))
  if (spec.schedulingGates?.some(({ name }) => !gates.has(name)) === true)
    causes.push(forbiddenField('spec.schedulingGates', 'only deletion is allowed, but found new scheduling gate'))
  if (!isDeepStrictEqual(comparable(spec, before), comparable(before, before))) causes.push(forbiddenField('spec', fixedMessage))
  return causes
}

/** A spec with everything that may change taken out. A pod that still has gates may also get a narrower placement. */
function comparable(spec: Partial<CoreV1PodSpec>, before: CoreV1PodSpec): object {
  const { activeDeadlineSeconds: _, tolerations: __, schedulingGates: ___, containers = [], initContainers = [], ...rest } = spec
  const withoutImages = (list: readonly { image?: string }[]) => list.map(({ image: ____, ...container }) => container)
  const placement = (before.schedulingGates ?? []).length > 0 ? { nodeSelector: undefined, affinity: undefined } : {}
  return { ...rest, ...placement, containers: withoutImages(containers), initContainers: withoutImages(initContainers) }
}
