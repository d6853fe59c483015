import { duplicate, forbiddenField, invalidValue, missing, notSupported, required, tooLong } from '../field-errors.ts'
import { between, causesOf, checkFields, choice, named, oneOf, partial, present, type FieldRules } from '../field-rules.ts'
import type {
  CoreV1Container,
  CoreV1ContainerPort,
  CoreV1ContainerResizePolicy,
  CoreV1ContainerRestartRule,
  CoreV1EphemeralContainer,
  CoreV1PodSpec,
  CoreV1Volume,
} from '../generated/kinds.ts'
import { checkLabel, checkPortName } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validateEnv, validateEnvFrom } from './environment-validation.ts'
import { validateProbes, type HandlerContext } from './handler-validation.ts'
import { validateDevices, validateMounts } from './mount-validation.ts'
import { validateResources } from './resource-validation.ts'
import { validateContainerSecurity } from './security-validation.ts'

/** What containers are judged by in their pod. */
export interface PodContext extends HandlerContext {
  /** The volumes that are themselves fine. */
  readonly volumes: ReadonlyMap<string, CoreV1Volume>
  readonly claimNames: ReadonlySet<string>
  readonly restartPolicy: string | undefined
  readonly hostUsers: boolean
}

const protocols = ['SCTP', 'TCP', 'UDP']
/** A protocol, which defaults fill in where a kind has them. */
export const protocol = choice(protocols)
export const pullPolicy = choice(['Always', 'IfNotPresent', 'Never'])
const portNumber = between(1, 65_535)

const containerRules: FieldRules<CoreV1Container> = {
  name: named(checkLabel),
  image: present(),
  terminationMessagePolicy: choice(['File', 'FallbackToLogsOnError']),
  imagePullPolicy: pullPolicy,
}
const portRules: FieldRules<CoreV1ContainerPort> = {
  containerPort: (port, field) => (port ? portNumber(port, field) : [required(field)]),
  hostPort: (port, field) => (port ? portNumber(port, field) : []),
  protocol,
}

/** The containers of a spec, in all its lists. */
export function validateAllContainers(spec: CoreV1PodSpec, path: string, context: PodContext): StatusCause[] {
  return [
    ...validateContainers(spec.containers ?? [], `${path}.containers`, context),
    ...validateInitContainers(spec, `${path}.initContainers`, context),
    ...validateEphemeral(spec, `${path}.ephemeralContainers`, context),
  ]
}

function validateContainers(containers: readonly CoreV1Container[], field: string, context: PodContext): StatusCause[] {
  if (containers.length === 0) return [required(field)]
  const names = new Set<string>()
  const causes = containers.flatMap((container, index) => {
    const path = `${field}[${index}]`
    const isRepeated = names.has(container.name)
    names.add(container.name)
    return [
      ...validateCommon(container, path, context),
      ...(isRepeated ? [duplicate(`${path}.name`, container.name)] : []),
      ...validateProbes(container, path, context),
      ...validateRestart(container, path, { isInit: false }),
    ]
  })
  return [...causes, ...validateHostPorts(containers, field)]
}

const handlers = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const

/** Init containers share a space of names with containers. Those that stay are probed as containers are; those that end are not. */
function validateInitContainers({ containers = [], initContainers = [] }: Partial<CoreV1PodSpec>, field: string, context: PodContext) {
  const names = new Set(containers.map(({ name }) => name))
  return initContainers.flatMap((container, index): StatusCause[] => {
    const path = `${field}[${index}]`
    const isRepeated = names.has(container.name)
    if (container.name) names.add(container.name)
    const stays = container.restartPolicy === 'Always'
    const misplaced = stays ? [] : handlers.filter((name) => container[name] !== undefined)
    return [
      ...validateCommon(container, path, context),
      ...validateRestart(container, path, { isInit: true }),
      ...(isRepeated ? [duplicate(`${path}.name`, container.name)] : []),
      ...validateHostPorts([container], field),
      ...(stays ? validateProbes(container, path, context) : []),
      ...misplaced.map((name) => forbiddenField(`${path}.${name}`, 'may not be set for init containers without restartPolicy=Always')),
    ]
  })
}

/** What a container that is added to a running pod may not have. */
const notEphemeral = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const

function validateEphemeral(spec: Partial<CoreV1PodSpec>, field: string, context: PodContext): StatusCause[] {
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name))
  const names = new Set(others)
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const path = `${field}[${index}]`
    const isRepeated = names.has(container.name)
    names.add(container.name)
    const { targetContainerName: target } = container
    const isGiven = (value: unknown) => value !== undefined && Object.keys(value as object).length > 0
    return [
      ...validateCommon(container, path, context),
      ...(isRepeated ? [duplicate(`${path}.name`, container.name)] : []),
      ...(target && !others.has(target) ? [missing(`${path}.targetContainerName`, target)] : []),
      ...notEphemeral
        .filter((name) => isGiven(container[name]))
        .map((name) => forbiddenField(`${path}.${name}`, 'cannot be set for an Ephemeral Container')),
      ...(container.volumeMounts ?? []).flatMap((mount, at) =>
        (['subPath', 'subPathExpr'] as const)
          .filter((name) => mount[name])
          .map((name) => forbiddenField(`${path}.volumeMounts[${at}].${name}`, 'cannot be set for an Ephemeral Container')),
      ),
    ]
  })
}

/** What goes for a container whatever list it is in. */
function validateCommon(container: CoreV1Container | CoreV1EphemeralContainer, path: string, context: PodContext): StatusCause[] {
  const { image, env = [], envFrom = [], ports = [], securityContext, resources } = container
  return [
    ...checkFields(container, path, containerRules),
    ...(image && image !== image.trim() ? [invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace')] : []),
    ...validatePorts(ports, `${path}.ports`),
    ...env.flatMap((variable, index) => validateEnv(variable, `${path}.env[${index}]`)),
    ...validateEnvFrom(envFrom, `${path}.envFrom`),
    ...validateMounts(container, path, context.volumes),
    ...validateDevices(container, path, context.volumes),
    ...validateResources(resources, `${path}.resources`, context.claimNames),
    ...validateResizePolicies(container.resizePolicy ?? [], `${path}.resizePolicy`, context.restartPolicy),
    ...(securityContext === undefined ? [] : validateContainerSecurity(securityContext, `${path}.securityContext`, context.hostUsers)),
  ]
}

function validatePorts(ports: readonly CoreV1ContainerPort[], field: string): StatusCause[] {
  const names = new Set<string>()
  return ports.flatMap((port, index) => {
    const path = `${field}[${index}]`
    const { name } = port
    const problems = name ? causesOf(checkPortName, name, `${path}.name`) : []
    if (name && problems.length === 0) {
      if (names.has(name)) problems.push(duplicate(`${path}.name`, name))
      names.add(name)
    }
    return [...problems, ...checkFields(port, path, portRules)]
  })
}

/** One host port can be taken once per protocol and address. */
function validateHostPorts(containers: readonly CoreV1Container[], field: string): StatusCause[] {
  const taken = new Set<string>()
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ protocol: kind = '', hostIP = '', hostPort }, index) => {
      if (!hostPort) return []
      const key = `${kind}/${hostIP}/${hostPort}`
      const isTaken = taken.has(key)
      taken.add(key)
      return isTaken ? [duplicate(`${field}[${container}].ports[${index}].hostPort`, key)] : []
    }),
  )
}

const resizable = ['cpu', 'memory']
const resizeActions = ['NotRequired', 'RestartContainer']

/** What a change of resources does. Upstream names the list, not the item. */
function validateResizePolicies(
  policies: readonly CoreV1ContainerResizePolicy[],
  field: string,
  podPolicy: string | undefined,
): StatusCause[] {
  const names = new Set<string>()
  return policies.flatMap(({ resourceName = '', restartPolicy = '' }: Partial<CoreV1ContainerResizePolicy>, index) => {
    const isRepeated = names.has(resourceName)
    names.add(resourceName)
    return [
      ...(isRepeated ? [duplicate(`${field}[${index}]`, resourceName)] : []),
      ...choice(resizable)(resourceName, field),
      ...choice(resizeActions)(restartPolicy, field),
      ...(podPolicy === 'Never' && restartPolicy !== 'NotRequired'
        ? [invalidValue(field, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'")]
        : []),
    ]
  })
}

const restartPolicies = ['Always', 'Never', 'OnFailure']
const maxRules = 20
const maxExitCodes = 255

/** A container's own restart policy, and the exit codes that are exceptions from it. */
function validateRestart(
  { restartPolicy, restartPolicyRules: rules = [] }: CoreV1Container,
  path: string,
  { isInit }: { readonly isInit: boolean },
): StatusCause[] {
  const field = `${path}.restartPolicy`
  if (rules.length > 0 && isInit && restartPolicy === 'Always')
    return [forbiddenField(`${field}Rules`, 'restartPolicyRules are not allowed for init containers with restart policy Always')]
  const causes: StatusCause[] = [...oneOf(...restartPolicies)(restartPolicy, field)]
  if (rules.length > 0 && restartPolicy === undefined) {
    causes.push(required(field, 'must specify restartPolicy when restart rules are used'))
    if (isInit) return causes
  }
  if (rules.length > maxRules) causes.push(tooLong(`${field}Rules`, maxRules))
  return [...causes, ...rules.flatMap((rule, index) => validateRestartRule(rule, `${field}Rules[${index}]`))]
}

function validateRestartRule({ action = '', exitCodes }: Partial<CoreV1ContainerRestartRule>, path: string): StatusCause[] {
  const causes = action === 'Restart' ? [] : [notSupported(`${path}.action`, action, ['Restart'])]
  if (exitCodes === undefined) return [...causes, required(`${path}.exitCodes`, 'must be specified')]
  const { operator = '', values = [] } = partial(exitCodes)
  if (!['In', 'NotIn'].includes(operator)) causes.push(notSupported(`${path}.exitCodes.operator`, operator, ['In', 'NotIn']))
  if (values.length > maxExitCodes) causes.push(tooLong(`${path}.exitCodes.values`, maxExitCodes))
  return causes
}
