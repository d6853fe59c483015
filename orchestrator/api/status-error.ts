/** The Kubernetes `Status` answer, as it goes over the wire. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Record<string, never>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: StatusReason
  readonly details?: StatusDetails
  readonly code: number
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** One reason for a refusal; `field` is a path as upstream writes it, e.g. `spec.containers[0].image`. */
export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

export type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable'

/** An error that carries the `Status` a client is to see. Made by the constructors below only, recognised by the predicates. */
export class StatusError extends Error {
  readonly status: Status

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? 'unknown error', options)
    this.name = 'StatusError'
    this.status = status
  }
}

function failure(code: number, reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  }
  return new StatusError(status)
}

/** A resource as upstream's messages name it: `pods` or `deployments.apps`. */
export interface Resource {
  readonly group: string
  readonly plural: string
}

const qualified = ({ group, plural }: Resource) => (group === '' ? plural : `${plural}.${group}`)
const detailsOf = (resource: Resource, name: string): StatusDetails => ({
  name,
  ...(resource.group === '' ? {} : { group: resource.group }),
  kind: resource.plural,
})

export const notFound = (resource: Resource, name: string): StatusError =>
  failure(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name))

/** There is no such metric of an object (or of any object of the resource), in the words of upstream's metrics servers. */
export const metricNotFound = (metric: string, resource: string, name: string | undefined): StatusError =>
  failure(404, 'NotFound', `the server could not find the metric ${metric} for ${resource}${name === undefined ? '' : ` ${name}`}`)

export const alreadyExists = (resource: Resource, name: string): StatusError =>
  failure(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, detailsOf(resource, name))

export const conflict = (resource: Resource, name: string, why: string): StatusError =>
  failure(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`, detailsOf(resource, name))

/** 409 of server-side apply: other managers own fields; `causes` names each. */
export const applyConflict = (message: string, causes: readonly StatusCause[]): StatusError => failure(409, 'Conflict', message, { causes })

export const forbidden = (resource: Resource, name: string, why: string): StatusError =>
  failure(
    403,
    'Forbidden',
    name === '' ? `${qualified(resource)} is forbidden: ${why}` : `${qualified(resource)} "${name}" is forbidden: ${why}`,
    detailsOf(resource, name),
  )

export const unauthorized = (): StatusError => failure(401, 'Unauthorized', 'Unauthorized')

export const badRequest = (message: string): StatusError => failure(400, 'BadRequest', message)

/** 422: the object is well-formed and not acceptable. `kind` and `group` name the object, `causes` each field at fault. */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  causes: readonly StatusCause[],
): StatusError {
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  const texts = [...new Set(causes.map((cause) => (cause.field === undefined ? cause.message : `${cause.field}: ${cause.message}`)))]
  const joined = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  return failure(422, 'Invalid', `${qualifiedKind} "${name}" is invalid${joined === undefined ? '' : `: ${joined}`}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  })
}

/** 422 without an object to blame: a patch that is well-formed and cannot be applied. */
export const unprocessable = (message: string): StatusError => failure(422, 'Invalid', message)

export const methodNotAllowed = (resource: Resource, method: string): StatusError =>
  failure(405, 'MethodNotAllowed', `${method} is not supported on resources of kind "${qualified(resource)}"`, detailsOf(resource, ''))

export const notAcceptable = (accepted: readonly string[]): StatusError =>
  failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`)

export const unsupportedMediaType = (supported: readonly string[]): StatusError =>
  failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
  )

export const tooLarge = (limitBytes: number): StatusError => entityTooLarge(`limit is ${limitBytes}`)

/** 413 for what is too much of something else than bytes. */
export const entityTooLarge = (why: string): StatusError => failure(413, 'RequestEntityTooLarge', `Request entity too large: ${why}`)

export const expired = (message: string): StatusError => failure(410, 'Expired', message)

export const timeout = (message: string, retryAfterSeconds: number, causes: readonly StatusCause[] = []): StatusError =>
  failure(504, 'Timeout', `Timeout: ${message}`, { causes, retryAfterSeconds })

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  failure(429, 'TooManyRequests', message, { retryAfterSeconds })

export const unavailable = (message: string): StatusError => failure(503, 'ServiceUnavailable', message)

export function internalError(error: unknown): StatusError {
  const message = error instanceof Error ? error.message : String(error)
  const { status } = failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
  return new StatusError(status, { cause: error })
}

/** The server could not find the requested path at all (no resource behind it). */
export const pathNotFound = (): StatusError => failure(404, 'NotFound', 'the server could not find the requested resource', {})

/** The `Status` of an error that came out of a client or a server, if it has one. */
export function statusOf(error: unknown): Status | undefined {
  return error instanceof Error && 'status' in error && typeof error.status === 'object' ? (error as StatusError).status : undefined
}

const hasReason = (error: unknown, reason: StatusReason) => statusOf(error)?.reason === reason
export const isNotFound = (error: unknown): boolean => hasReason(error, 'NotFound')
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 'AlreadyExists')
export const isConflict = (error: unknown): boolean => hasReason(error, 'Conflict')
/** Among others an eviction that a disruption budget forbids for now. */
export const isTooManyRequests = (error: unknown): boolean => hasReason(error, 'TooManyRequests')
export const isInvalid = (error: unknown): boolean => hasReason(error, 'Invalid')
export const isExpired = (error: unknown): boolean => hasReason(error, 'Expired') || hasReason(error, 'Gone')
