import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import { causesOf, checkFields, count, oneOf, port, present, struct, type FieldRules } from '../field-rules.ts'
import type {
  CoreV1ExecAction,
  CoreV1GRPCAction,
  CoreV1HTTPGetAction,
  CoreV1Lifecycle,
  CoreV1LifecycleHandler,
  CoreV1Probe,
  CoreV1TCPSocketAction,
} from '../generated/kinds.ts'
import { checkHeaderName, checkPortName } from '../names.ts'
import type { StatusCause } from '../status-error.ts'

/** What of a pod its handlers are judged by. */
export interface HandlerContext {
  /** How long the pod has to end. */
  readonly graceSeconds: number | undefined
}

/** A port by number or by name. */
export function validatePortReference(reference: string | number | undefined, field: string): readonly StatusCause[] {
  return typeof reference === 'string' ? causesOf(checkPortName, reference, field) : port(reference, field)
}

const httpRules: FieldRules<CoreV1HTTPGetAction> = {
  path: present(),
  port: validatePortReference,
  scheme: oneOf('HTTP', 'HTTPS'),
  // Upstream names the list, not the header.
  httpHeaders: (headers, field) => (headers ?? []).flatMap(({ name = '' }: { name?: string }) => causesOf(checkHeaderName, name, field)),
}
const tcpRules: FieldRules<CoreV1TCPSocketAction> = { port: validatePortReference }

const probeRules: FieldRules<CoreV1Probe> = {
  initialDelaySeconds: count,
  timeoutSeconds: count,
  periodSeconds: count,
  successThreshold: count,
  failureThreshold: count,
}

type Handler = Pick<CoreV1Probe, 'grpc'> & CoreV1LifecycleHandler

const handlerRules: FieldRules<Handler> = {
  exec: struct<CoreV1ExecAction>({ command: present() }),
  httpGet: struct(httpRules),
  tcpSocket: struct(tcpRules),
  grpc: struct<CoreV1GRPCAction>({ port }),
}

function validateHandler(handler: Handler, path: string, graceSeconds: number | undefined): StatusCause[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  const given = Object.entries({ exec, httpGet, tcpSocket, grpc, sleep }).filter(([, value]) => value !== undefined)
  if (given.length === 0) return [required(path, 'must specify a handler type')]
  const [first] = given[0]!
  const causes = first === 'sleep' ? [] : checkFields<Handler>({ [first]: handler[first as keyof Handler] }, path, handlerRules)
  const seconds = sleep?.seconds ?? 0
  if (first === 'sleep' && graceSeconds !== undefined && (seconds < 0 || seconds > graceSeconds))
    causes.push(
      invalidValue(`${path}.sleep`, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`),
    )
  for (const [name] of given.slice(1)) causes.push(forbiddenField(`${path}.${name}`, 'may not specify more than 1 handler type'))
  return causes
}

function validateProbe(probe: CoreV1Probe, path: string, { graceSeconds }: HandlerContext): StatusCause[] {
  const { httpGet, exec, tcpSocket, grpc, terminationGracePeriodSeconds: grace } = probe
  const handler = Object.fromEntries(Object.entries({ exec, httpGet, tcpSocket, grpc }).filter(([, value]) => value !== undefined))
  return [
    ...validateHandler(handler, path, graceSeconds),
    ...checkFields(probe, path, probeRules),
    ...(grace !== undefined && grace <= 0 ? [invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')] : []),
  ]
}

interface Probed {
  readonly livenessProbe?: CoreV1Probe
  readonly readinessProbe?: CoreV1Probe
  readonly startupProbe?: CoreV1Probe
  readonly lifecycle?: CoreV1Lifecycle
}

/** A container's probes, and what is run when it starts and stops. */
export function validateProbes(container: Probed, path: string, context: HandlerContext): StatusCause[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  const causes: StatusCause[] = lifecycle === undefined ? [] : validateLifecycle(lifecycle, `${path}.lifecycle`, context)
  for (const [name, probe] of Object.entries({ livenessProbe, readinessProbe, startupProbe })) {
    if (probe === undefined) continue
    causes.push(...validateProbe(probe, `${path}.${name}`, context))
    const { successThreshold = 1, terminationGracePeriodSeconds: grace } = probe
    if (name !== 'readinessProbe' && successThreshold !== 1)
      causes.push(invalidValue(`${path}.${name}.successThreshold`, successThreshold, 'must be 1'))
    if (name === 'readinessProbe' && grace !== undefined)
      causes.push(invalidValue(`${path}.${name}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'))
  }
  return causes
}

function validateLifecycle({ postStart, preStop }: CoreV1Lifecycle, path: string, context: HandlerContext): StatusCause[] {
  const causes: StatusCause[] = []
  if (postStart !== undefined) causes.push(...validateHandler(postStart, `${path}.postStart`, context.graceSeconds))
  if (preStop !== undefined) causes.push(...validateHandler(preStop, `${path}.preStop`, context.graceSeconds))
  return causes
}
