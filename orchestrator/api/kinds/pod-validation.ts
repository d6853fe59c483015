import { duplicate, forbiddenField, invalidValue, missing, notSupported, required, tooLong } from '../field-errors.ts'
import { between, causesOf, checkFields, choice, each, formed, named, partial, struct, type FieldRules, type Rule } from '../field-rules.ts'
import type {
  CoreV1Container,
  CoreV1EphemeralContainer,
  CoreV1HostAlias,
  CoreV1LocalObjectReference,
  CoreV1Pod,
  CoreV1PodDNSConfig,
  CoreV1PodReadinessGate,
  CoreV1PodResourceClaim,
  CoreV1PodSchedulingGate,
  CoreV1PodSpec,
  CoreV1PodTemplateSpec,
} from '../generated/kinds.ts'
import { checkAddress } from '../ip-addresses.ts'
import { checkLabel, checkQualifiedName, checkSubdomain, checkUnderscoredSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validateAnnotations, validateLabels } from '../validation.ts'
import { validateAllContainers, type PodContext } from './container-validation.ts'
import { validatePodResources, validateResources } from './resource-validation.ts'
import { validateAffinity, validateSpread, validateTolerations } from './scheduling-validation.ts'
import { validatePodSecurity, validateSystem } from './security-validation.ts'
import { validateVolumes } from './volume-validation.ts'

/** A pod by itself. */
export function validatePod({ metadata, spec }: CoreV1Pod): StatusCause[] {
  return [
    ...validatePodSpec(spec, 'spec', metadata.name ?? ''),
    ...validateTokens(spec),
    ...validateImages(spec),
    ...validateProfileAnnotations(metadata.annotations, spec),
  ]
}

/** What only a creator may not do: the rest of the rules goes for changes, too. */
export function validatePodCreate({ spec }: CoreV1Pod): StatusCause[] {
  const causes: StatusCause[] = []
  if ((spec.ephemeralContainers ?? []).length > 0) causes.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'))
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0)
    causes.push(forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'))
  return causes
}

/** A template may leave it to others to say which image a volume is of. */
function validateImages({ volumes = [] }: Partial<CoreV1PodSpec>): StatusCause[] {
  return volumes.flatMap(({ image }, index) =>
    image === undefined || image.reference ? [] : [required(`spec.volumes[${index}].image.reference`)],
  )
}

/** A token is an account's. */
function validateTokens({ serviceAccountName, volumes = [] }: Partial<CoreV1PodSpec>): StatusCause[] {
  if (serviceAccountName) return []
  return volumes.flatMap(({ projected }, volume) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, index) =>
      serviceAccountToken === undefined
        ? []
        : [
            forbiddenField(
              `spec.volumes[${volume}].projected.sources[${index}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          ],
    ),
  )
}

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'

/** Annotations that were fields' forerunners. */
function validateProfileAnnotations(annotations: Readonly<Record<string, string>> = {}, spec: Partial<CoreV1PodSpec>): StatusCause[] {
  return Object.entries(annotations).flatMap(([key, profile]) => {
    if (!key.startsWith(appArmorPrefix)) return []
    const field = `metadata.annotations[${key}]`
    const name = key.slice(appArmorPrefix.length)
    const isFine = ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith('localhost/')
    return [
      ...(containersOf(spec).some((container) => container.name === name) ? [] : [invalidValue(field, name, 'container not found')]),
      ...(isFine ? [] : [invalidValue(field, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)]),
    ]
  })
}

const containersOf = ({ initContainers = [], containers = [], ephemeralContainers = [] }: Partial<CoreV1PodSpec>) =>
  [...initContainers, ...containers, ...ephemeralContainers] as readonly (CoreV1Container | CoreV1EphemeralContainer)[]

/** A workload's template: metadata and spec. Upstream leaves the word `metadata` out of the paths of labels and annotations. */
export function validatePodTemplate(template: CoreV1PodTemplateSpec | undefined, field: string): StatusCause[] {
  const { metadata, spec } = template ?? {}
  if (spec === undefined) return [required(`${field}.spec.containers`)]
  return [
    ...validateLabels(metadata?.labels ?? {}, `${field}.labels`),
    ...validateAnnotations(metadata?.annotations ?? {}, `${field}.annotations`),
    ...validatePodSpec(spec, `${field}.spec`),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [forbiddenField(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ]
}

/** The template of a workload whose pods run on until they are removed. `kind` is named where that is not what it says. */
export function validateLastingTemplate(template: CoreV1PodTemplateSpec | undefined, kind: string): StatusCause[] {
  const field = 'spec.template'
  const causes = validatePodTemplate(template, field)
  if (template?.spec === undefined) return causes
  const { restartPolicy = '', activeDeadlineSeconds } = template.spec
  if (restartPolicy !== 'Always') causes.push(notSupported(`${field}.spec.restartPolicy`, restartPolicy, ['Always']))
  if (activeDeadlineSeconds !== undefined)
    causes.push(forbiddenField(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`))
  return causes
}

const maxNameservers = 3
const maxSearches = 32
const maxSearchLength = 2048

const dnsRules: FieldRules<CoreV1PodDNSConfig> = {
  nameservers: (servers = [], field) => [
    ...(servers.length > maxNameservers ? [invalidValue(field, servers, `must not have more than ${maxNameservers} nameservers`)] : []),
    ...each(checkAddress)(servers, field),
  ],
  searches: (searches = [], field) => [
    ...(searches.length > maxSearches ? [invalidValue(field, searches, `must not have more than ${maxSearches} search paths`)] : []),
    ...(searches.join(' ').length > maxSearchLength
      ? [invalidValue(field, searches, `must not have more than ${maxSearchLength} characters (including spaces) in the search list`)]
      : []),
    ...searches.flatMap((search, index) =>
      search === '.' ? [] : causesOf(checkUnderscoredSubdomain, search.replace(/\.$/, ''), `${field}[${index}]`),
    ),
  ],
  options: (options = [], field) =>
    options.flatMap(({ name }, index) => (name ? [] : [required(`${field}[${index}]`, 'must not be empty')])),
}

const hostAliases: Rule<readonly CoreV1HostAlias[]> = each(
  struct<CoreV1HostAlias>({ ip: checkAddress, hostnames: each((name = '', field) => causesOf(checkSubdomain, name, field)) }),
)
const readinessGates: Rule<readonly CoreV1PodReadinessGate[]> = each(
  struct<CoreV1PodReadinessGate>({ conditionType: (type = '', field) => causesOf(checkQualifiedName, type, field) }),
)
const schedulingGates: Rule<readonly CoreV1PodSchedulingGate[]> = (gates = [], field) =>
  gates.flatMap(({ name = '' }: Partial<CoreV1PodSchedulingGate>, index) => [
    ...causesOf(checkQualifiedName, name, `${field}[${index}]`),
    ...(gates.findIndex((gate) => (gate.name ?? '') === name) < index ? [duplicate(`${field}[${index}]`, name)] : []),
  ])

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const maxHostnameLength = 64

/** What of a spec is judged field by field. */
const specRules: FieldRules<CoreV1PodSpec> = {
  restartPolicy: choice(['Always', 'OnFailure', 'Never']),
  dnsPolicy: choice(dnsPolicies),
  nodeSelector: (labels, field) => validateLabels(labels ?? {}, field),
  imagePullSecrets: each(struct<CoreV1LocalObjectReference>({})),
  affinity: (affinity, field) => (affinity === undefined ? [] : validateAffinity(affinity, field)),
  dnsConfig: struct(dnsRules),
  readinessGates,
  schedulingGates,
  topologySpreadConstraints: (constraints, field) => validateSpread(constraints ?? [], field),
  serviceAccountName: formed(checkSubdomain),
  nodeName: formed(checkSubdomain),
  activeDeadlineSeconds: between(1, 2_147_483_647),
  hostname: formed(checkLabel),
  subdomain: formed(checkLabel),
  tolerations: (tolerations, field) => validateTolerations(tolerations ?? [], field),
  hostAliases,
  priorityClassName: formed(checkSubdomain),
  runtimeClassName: (name, field) => (name === undefined ? [] : causesOf(checkSubdomain, name, field)),
  preemptionPolicy: (policy, field) => (policy === undefined ? [] : choice(['PreemptLowerPriority', 'Never'])(policy, field)),
  overhead: (amounts, field) => (amounts === undefined ? [] : validateResources({ limits: amounts }, field)),
}

/** Everything wrong with a pod's spec, with paths below `path`. `podName` is '' in a template. */
export function validatePodSpec(spec: CoreV1PodSpec, path: string, podName = ''): StatusCause[] {
  const volumes = validateVolumes(spec.volumes ?? [], `${path}.volumes`, podName)
  const context: PodContext = {
    volumes: volumes.valid,
    claimNames: new Set((spec.resourceClaims ?? []).map(({ name }) => name)),
    restartPolicy: spec.restartPolicy,
    hostUsers: spec.hostUsers !== false,
    graceSeconds: spec.terminationGracePeriodSeconds,
  }
  return [
    ...volumes.causes,
    ...validateClaims(spec.resourceClaims ?? [], `${path}.resourceClaims`),
    ...validateAllContainers(spec, path, context),
    ...validatePodResources(spec, `${path}.resources`),
    ...validateHostPorts(spec, path),
    ...checkFields(spec, path, specRules),
    ...validateDnsChoice(spec, path),
    ...validatePodSecurity(spec, path),
    ...validateHostname(spec, path),
    ...(spec.os === undefined ? [] : validateOs(spec, path)),
    ...validateFileVariables(spec, path),
  ]
}

/** On the node's own network a container's port is the node's. */
function validateHostPorts({ hostNetwork, containers = [] }: Partial<CoreV1PodSpec>, path: string): StatusCause[] {
  if (hostNetwork !== true) return []
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ hostPort = 0, containerPort = 0 }: { hostPort?: number; containerPort?: number }, index) =>
      hostPort === containerPort
        ? []
        : [
            invalidValue(
              `${path}.containers[${container}].ports[${index}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ],
    ),
  )
}

function validateDnsChoice({ dnsPolicy, dnsConfig }: CoreV1PodSpec, path: string): StatusCause[] {
  if (dnsPolicy !== 'None') return []
  if (dnsConfig === undefined) return [required(`${path}.dnsConfig`, 'must provide `dnsConfig` when `dnsPolicy` is None')]
  return (dnsConfig.nameservers ?? []).length > 0
    ? []
    : [required(`${path}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')]
}

function validateHostname({ hostnameOverride: name, setHostnameAsFQDN, hostNetwork }: CoreV1PodSpec, path: string): StatusCause[] {
  if (name === undefined) return []
  const field = `${path}.hostnameOverride`
  return [
    ...(setHostnameAsFQDN === true ? [forbiddenField(field, 'may not be specified when setHostnameAsFQDN is true')] : []),
    ...(hostNetwork === true ? [forbiddenField(field, 'may not be specified when hostNetwork is true')] : []),
    ...(name.length > maxHostnameLength ? [tooLong(field, maxHostnameLength)] : []),
    ...causesOf(checkSubdomain, name, field),
  ]
}

function validateOs(spec: CoreV1PodSpec, path: string): StatusCause[] {
  const name = spec.os?.name ?? ''
  if (name === '') return [required(`${path}.os.name`)]
  return ['linux', 'windows'].includes(name) ? validateSystem(spec, path) : [notSupported(`${path}.os`, name, ['linux', 'windows'])]
}

const claimRules: FieldRules<CoreV1PodResourceClaim> = {
  resourceClaimName: (name, field) => (name === undefined ? [] : causesOf(checkSubdomain, name, field)),
  resourceClaimTemplateName: (name, field) => (name === undefined ? [] : causesOf(checkSubdomain, name, field)),
}

function validateClaims(claims: readonly CoreV1PodResourceClaim[], field: string): StatusCause[] {
  return claims.flatMap((claim, index) => {
    const path = `${field}[${index}]`
    const { name = '', resourceClaimName, resourceClaimTemplateName } = partial(claim)
    const causes: StatusCause[] =
      claims.findIndex((other) => other.name === name) < index && name !== ''
        ? [duplicate(`${path}.name`, name)]
        : [...named(checkLabel)(name, `${path}.name`)]
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
      causes.push(invalidValue(path, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'))
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      causes.push(invalidValue(path, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'))
    return [...causes, ...checkFields(claim, path, claimRules)]
  })
}

/** Variables from files have them in volumes that are the pod's own. */
function validateFileVariables(spec: CoreV1PodSpec, path: string): StatusCause[] {
  const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const
  return lists.flatMap((list) =>
    (spec[list] ?? []).flatMap(({ env = [] }, container) =>
      env.flatMap(({ valueFrom }, index) => {
        if (valueFrom?.fileKeyRef === undefined) return []
        const field = `${path}.${list}[${container}].env[${index}].valueFrom.fileKeyRef.volumeName`
        const { volumeName = '' } = partial(valueFrom.fileKeyRef)
        const volume = spec.volumes?.find(({ name }) => name === volumeName)
        if (volume === undefined) return [missing(field, volumeName)]
        return volume.emptyDir === undefined ? [invalidValue(field, volumeName, 'referenced volume must be of type emptyDir')] : []
      }),
    ),
  )
}
