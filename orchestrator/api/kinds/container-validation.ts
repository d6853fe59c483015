import { duplicate, forbiddenField, invalidValue, missing, notSupported, required } from '../field-errors.ts'
import type {
  CoreV1Container,
  CoreV1ContainerPort,
  CoreV1EnvVar,
  CoreV1EphemeralContainer,
  CoreV1LifecycleHandler,
  CoreV1Probe,
  CoreV1VolumeMount,
} from '../generated/kinds.ts'
import { checkEnvName, checkLabel, checkPortName } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { notNegative, validateResources } from './resource-validation.ts'

/** What a container may refer to in its pod. */
export interface PodContext {
  readonly volumeNames: ReadonlySet<string>
  readonly hostNetwork: boolean
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never']
const messagePolicies = ['File', 'FallbackToLogsOnError']
const protocols = ['TCP', 'UDP', 'SCTP']
const schemes = ['HTTP', 'HTTPS']
export const portRange = 'must be between 1 and 65535, inclusive'

/** Whether a number is a port. */
export function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535
}

/** The containers of one list, as `spec.containers`. */
export function validateContainers(containers: readonly CoreV1Container[], field: string, context: PodContext): StatusCause[] {
  const names = new Set<string>()
  return containers.flatMap((container, index) => {
    const path = `${field}[${index}]`
    const isRepeated = names.has(container.name)
    names.add(container.name)
    return [...(isRepeated ? [duplicate(`${path}.name`, container.name)] : []), ...validateContainer(container, path, context)]
  })
}

/** One container, whatever list it is in. */
export function validateContainer(container: CoreV1Container | CoreV1EphemeralContainer, path: string, context: PodContext): StatusCause[] {
  const { name, image, imagePullPolicy, terminationMessagePolicy } = container
  const causes: StatusCause[] = []
  if (!name) causes.push(required(`${path}.name`))
  else for (const message of checkLabel(name)) causes.push(invalidValue(`${path}.name`, name, message))
  if (!image) causes.push(required(`${path}.image`))
  else if (image !== image.trim()) causes.push(invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace'))
  if (imagePullPolicy !== undefined && !pullPolicies.includes(imagePullPolicy))
    causes.push(notSupported(`${path}.imagePullPolicy`, imagePullPolicy, pullPolicies))
  if (terminationMessagePolicy !== undefined && !messagePolicies.includes(terminationMessagePolicy))
    causes.push(notSupported(`${path}.terminationMessagePolicy`, terminationMessagePolicy, messagePolicies))
  causes.push(...validatePorts(container.ports ?? [], `${path}.ports`, context.hostNetwork))
  container.env?.forEach((variable, index) => causes.push(...validateEnv(variable, `${path}.env[${index}]`)))
  causes.push(...validateEnvFrom(container, path))
  causes.push(...validateMounts(container.volumeMounts ?? [], `${path}.volumeMounts`, context))
  causes.push(...validateProbes(container, path))
  causes.push(...validateResources(container.resources, `${path}.resources`))
  causes.push(...validateSecurity(container, path))
  return causes
}

function validateSecurity({ securityContext }: CoreV1Container | CoreV1EphemeralContainer, path: string): StatusCause[] {
  if (securityContext === undefined) return []
  const { privileged, allowPrivilegeEscalation, runAsUser, runAsGroup } = securityContext
  const causes: StatusCause[] = []
  if (privileged === true && allowPrivilegeEscalation === false)
    causes.push(
      invalidValue(`${path}.securityContext`, securityContext, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
    )
  for (const [name, id] of [
    ['runAsUser', runAsUser],
    ['runAsGroup', runAsGroup],
  ] as const)
    if (id !== undefined && (id < 0 || id > 2_147_483_647))
      causes.push(invalidValue(`${path}.securityContext.${name}`, id, 'must be between 0 and 2147483647, inclusive'))
  return causes
}

function validatePorts(ports: readonly CoreV1ContainerPort[], field: string, hostNetwork: boolean): StatusCause[] {
  const names = new Set<string>()
  return ports.flatMap((port, index) => {
    const path = `${field}[${index}]`
    const causes: StatusCause[] = []
    const { name, containerPort, hostPort = 0, protocol } = port
    if (name) {
      for (const message of checkPortName(name)) causes.push(invalidValue(`${path}.name`, name, message))
      if (names.has(name)) causes.push(duplicate(`${path}.name`, name))
      names.add(name)
    }
    if (!containerPort) causes.push(required(`${path}.containerPort`))
    else if (!isPort(containerPort)) causes.push(invalidValue(`${path}.containerPort`, containerPort, portRange))
    if (hostPort !== 0 && !isPort(hostPort)) causes.push(invalidValue(`${path}.hostPort`, hostPort, portRange))
    if (hostNetwork && hostPort !== containerPort)
      causes.push(invalidValue(`${path}.containerPort`, containerPort, 'must match `hostPort` when `hostNetwork` is true'))
    if (!protocol) causes.push(required(`${path}.protocol`))
    else if (!protocols.includes(protocol)) causes.push(notSupported(`${path}.protocol`, protocol, protocols))
    return causes
  })
}

function validateEnv(variable: CoreV1EnvVar, path: string): StatusCause[] {
  const { name, value, valueFrom } = variable
  if (!name) return [required(`${path}.name`)]
  const causes = checkEnvName(name).map((message) => invalidValue(`${path}.name`, name, message))
  if (valueFrom === undefined) return causes
  const sources = Object.values(valueFrom).filter((source) => source !== undefined).length
  if (sources === 0)
    causes.push(
      invalidValue(`${path}.valueFrom`, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'),
    )
  else if (value) causes.push(invalidValue(`${path}.valueFrom`, '', 'may not be specified when `value` is not empty'))
  else if (sources > 1) causes.push(invalidValue(`${path}.valueFrom`, '', 'may not have more than one field specified at a time'))
  if (valueFrom.fieldRef !== undefined && !valueFrom.fieldRef.fieldPath) causes.push(required(`${path}.valueFrom.fieldRef.fieldPath`))
  if (valueFrom.resourceFieldRef !== undefined && !valueFrom.resourceFieldRef.resource)
    causes.push(required(`${path}.valueFrom.resourceFieldRef.resource`))
  for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
    if (valueFrom[source] !== undefined && !valueFrom[source].key) causes.push(required(`${path}.valueFrom.${source}.key`))
  }
  return causes
}

function validateEnvFrom({ envFrom = [] }: CoreV1Container | CoreV1EphemeralContainer, path: string): StatusCause[] {
  return envFrom.flatMap((source, index) => {
    const field = `${path}.envFrom[${index}]`
    const count = [source.configMapRef, source.secretRef].filter((reference) => reference !== undefined).length
    if (count === 0) return [invalidValue(field, '', 'must specify one of: `configMapRef` or `secretRef`')]
    return count > 1 ? [invalidValue(field, '', 'may not have more than one field specified at a time')] : []
  })
}

function validateMounts(mounts: readonly CoreV1VolumeMount[], field: string, { volumeNames }: PodContext): StatusCause[] {
  const paths = new Set<string>()
  return mounts.flatMap((mount, index) => {
    const path = `${field}[${index}]`
    const causes: StatusCause[] = []
    if (!mount.name) causes.push(required(`${path}.name`))
    else if (!volumeNames.has(mount.name)) causes.push(missing(`${path}.name`, mount.name))
    if (!mount.mountPath) causes.push(required(`${path}.mountPath`))
    else if (paths.has(mount.mountPath)) causes.push(invalidValue(`${path}.mountPath`, mount.mountPath, 'must be unique'))
    paths.add(mount.mountPath)
    if (mount.subPath) causes.push(...validateSubPath(mount.subPath, `${path}.subPath`))
    if (mount.subPathExpr) {
      if (mount.subPath)
        causes.push(invalidValue(`${path}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'))
      causes.push(...validateSubPath(mount.subPathExpr, `${path}.subPathExpr`))
    }
    return causes
  })
}

/** A path below another one that must not leave it. */
export function validateSubPath(text: string, field: string): StatusCause[] {
  if (text.startsWith('/')) return [invalidValue(field, text, 'must be a relative path')]
  return text.split('/').includes('..') ? [invalidValue(field, text, "must not contain '..'")] : []
}

function validateProbes(container: CoreV1Container | CoreV1EphemeralContainer, path: string): StatusCause[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  const causes: StatusCause[] = []
  for (const [name, probe] of Object.entries({ livenessProbe, readinessProbe, startupProbe })) {
    if (probe === undefined) continue
    causes.push(...validateProbe(probe, `${path}.${name}`))
    if (name !== 'readinessProbe' && (probe.successThreshold ?? 1) !== 1)
      causes.push(invalidValue(`${path}.${name}.successThreshold`, probe.successThreshold, 'must be 1'))
  }
  if (lifecycle?.postStart !== undefined) causes.push(...validateHandler(lifecycle.postStart, `${path}.lifecycle.postStart`))
  if (lifecycle?.preStop !== undefined) causes.push(...validateHandler(lifecycle.preStop, `${path}.lifecycle.preStop`))
  return causes
}

function validateProbe(probe: CoreV1Probe, path: string): StatusCause[] {
  const causes = validateHandler(probe, path)
  for (const name of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    const value = probe[name]
    if (value !== undefined && value < 0) causes.push(invalidValue(`${path}.${name}`, value, notNegative))
  }
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0) causes.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'))
  return causes
}

type Handler = Pick<CoreV1Probe, 'grpc'> & CoreV1LifecycleHandler

function validateHandler(handler: Handler, path: string): StatusCause[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  const causes: StatusCause[] = []
  const given = Object.entries({ exec, httpGet, tcpSocket, grpc, sleep })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
  if (given.length === 0) causes.push(required(path, 'must specify a handler type'))
  for (const name of given.slice(1)) causes.push(forbiddenField(`${path}.${name}`, 'may not specify more than 1 handler type'))
  if (exec !== undefined && (exec.command ?? []).length === 0) causes.push(required(`${path}.exec.command`))
  if (httpGet !== undefined) {
    if (!httpGet.path) causes.push(required(`${path}.httpGet.path`))
    causes.push(...validatePortReference(httpGet.port, `${path}.httpGet.port`))
    if (httpGet.scheme !== undefined && !schemes.includes(httpGet.scheme))
      causes.push(notSupported(`${path}.httpGet.scheme`, httpGet.scheme, schemes))
  }
  if (tcpSocket !== undefined) causes.push(...validatePortReference(tcpSocket.port, `${path}.tcpSocket.port`))
  if (grpc !== undefined && !isPort(grpc.port ?? 0)) causes.push(invalidValue(`${path}.grpc.port`, grpc.port ?? 0, portRange))
  return causes
}

/** A port by number or by name. */
export function validatePortReference(port: string | number | undefined, field: string): StatusCause[] {
  if (typeof port === 'string') return checkPortName(port).map((message) => invalidValue(field, port, message))
  return isPort(port ?? 0) ? [] : [invalidValue(field, port ?? 0, portRange)]
}
