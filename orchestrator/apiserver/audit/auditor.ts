import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { Random } from '../../../lib/random.ts'
import { statusOf } from '../../api/status-error.ts'
import type { User } from '../auth/user.ts'
import type { Answer, RequestAudit, RequestBody } from '../request.ts'
import { AuditQueue } from './audit-queue.ts'
import type { AuditSink } from './audit-sink.ts'
import { eventJson, type AuditedRequest } from './event-json.ts'
import { judge, type AuditPolicy, type AuditStage, type AuditVerdict } from './policy.ts'

/** What of an API server's requests is written down, and where. */
export interface AuditSettings {
  readonly policy: AuditPolicy
  readonly sinks: readonly AuditSink[]
  /** `batch`: requests never wait; `blocking`: a request is answered when its event is written. */
  readonly mode: 'batch' | 'blocking'
}

/** As upstream's truncating backend: larger events lose their bodies and say so. */
const maxEventBytes = 100 * 1024
/** An identifier that a client may choose. */
const auditIdPattern = /^[\w-]{1,64}$/
/** Bodies that are never written down, whatever a policy says. */
const secretResources = new Set(['secrets', 'tokenreviews'])
const noUser: User = { name: '', groups: [] }

/** Makes the records of requests. */
export class Auditor {
  readonly #options: AuditSettings & { readonly clock: Clock; readonly random: Random }
  readonly #queue: AuditQueue

  constructor(options: AuditSettings & { readonly clock: Clock; readonly random: Random; readonly log: Log }) {
    this.#options = options
    this.#queue = new AuditQueue(options)
  }

  /** `undefined` where nothing of the request is to be written down. */
  begin(request: AuditedRequest): AuditRecord | undefined {
    const { policy, clock, random } = this.#options
    const verdict = judge(policy, request.info, request.user ?? noUser)
    if (verdict.level === 'None') return undefined
    const id = typeof request.id === 'string' && auditIdPattern.test(request.id) ? request.id : random.uuid()
    const record = new AuditRecord({ request, id, verdict, clock, queue: this.#queue })
    record.write('RequestReceived')
    return record
  }

  /** In the blocking mode a promise, which resolves when events that were made so far are written. */
  settled(): Promise<void> | undefined {
    return this.isBlocking ? this.#queue.flush() : undefined
  }

  get isBlocking(): boolean {
    return this.#options.mode === 'blocking'
  }

  /** Figures for `/metrics`. */
  gauges(): Readonly<Record<string, number>> {
    const { events, dropped, failed } = this.#queue.totals()
    return { apiserver_audit_event_total: events, apiserver_audit_dropped_total: dropped, apiserver_audit_error_total: failed }
  }

  async stop(): Promise<void> {
    await this.#queue.close()
  }
}

interface RecordOptions {
  readonly request: AuditedRequest
  readonly id: string
  readonly verdict: AuditVerdict
  readonly clock: Clock
  readonly queue: AuditQueue
}

/** What a stage of a request has come to. */
interface Outcome {
  readonly stage: AuditStage
  readonly time: number
  readonly code: number
  readonly error: unknown
}

/** One request: what is learned about it on its way, and its events. */
export class AuditRecord implements RequestAudit {
  readonly #options: RecordOptions
  readonly #receivedAt: number
  #decision: { readonly isAllowed: boolean; readonly reason: string } | undefined
  #annotations: Map<string, string> | undefined
  #impersonated: User | undefined
  #body: RequestBody | undefined
  #answer: Answer | undefined
  #isComplete = false

  constructor(options: RecordOptions) {
    this.#options = options
    this.#receivedAt = options.clock.now()
  }

  get id(): string {
    return this.#options.id
  }

  /** Who the request is made as, where that is somebody else. */
  setUser(user: User): void {
    if (user !== this.#options.request.user) this.#impersonated = user
  }

  setDecision(isAllowed: boolean, reason: string): void {
    this.#decision = { isAllowed, reason }
  }

  annotate(key: string, value: string): void {
    this.#annotations = (this.#annotations ?? new Map<string, string>()).set(key, value)
  }

  setBody(body: RequestBody | undefined): void {
    this.#body = body
  }

  setAnswer(answer: Answer): void {
    this.#answer = answer
  }

  /** The last event, once: the answer is complete, or the request failed by a fault of ours. */
  complete(code: number, error?: unknown): void {
    if (this.#isComplete) return
    this.#isComplete = true
    this.write(error !== undefined && statusOf(error) === undefined ? 'Panic' : 'ResponseComplete', code, error)
  }

  write(stage: AuditStage, code = 0, error?: unknown): void {
    const { verdict, queue, request, clock } = this.#options
    if (verdict.omitStages.includes(stage)) return
    const time = clock.now()
    const outcome = { stage, time, code, error }
    const bodies = this.#bodies(stage)
    let json = `${this.#describe(outcome, false)}${bodies}}`
    if (json.length > maxEventBytes) json = `${this.#describe(outcome, true)}}`
    queue.add(json, time, request.info.namespace, code)
  }

  #describe({ stage, time, code, error }: Outcome, isTruncated: boolean): string {
    const { id, request, verdict } = this.#options
    const answer = this.#answer
    return eventJson({
      id,
      level: verdict.level,
      stage,
      request,
      impersonated: this.#impersonated,
      object: metadataOf(answer?.type === 'object' && answer.code < 300 ? answer.object : undefined),
      code,
      error,
      receivedAt: this.#receivedAt,
      time,
      decision: this.#decision,
      annotations: this.#annotations,
      isTruncated,
    })
  }

  /** What follows in an event's JSON. */
  #bodies(stage: AuditStage): string {
    const { verdict, request } = this.#options
    const { resource, subresource } = request.info
    if (verdict.level === 'Metadata' || stage === 'RequestReceived') return ''
    if (secretResources.has(resource) || (resource === 'serviceaccounts' && subresource === 'token')) return ''
    const response = verdict.level === 'RequestResponse' && stage === 'ResponseComplete' ? responseObject(this.#answer) : undefined
    const shown = (name: string, object: object | undefined) =>
      object === undefined ? '' : `,"${name}":${JSON.stringify(verdict.omitsManagedFields ? withoutManagedFields(object) : object)}`
    return shown('requestObject', requestObject(this.#body)) + shown('responseObject', response)
  }
}

function metadataOf(object: object | undefined): { readonly name?: unknown; readonly uid?: unknown; readonly resourceVersion?: unknown } {
  const { metadata = {} }: { readonly metadata?: object } = object ?? {}
  return metadata
}

/** Bodies in YAML or protobuf are left out: they are what the answer is made of. */
function requestObject(body: RequestBody | undefined): object | undefined {
  if (body !== undefined && 'value' in body) return typeof body.value === 'object' && body.value !== null ? body.value : undefined
  if (body === undefined || !/json/.test(body.contentType) || body.bytes.length > maxEventBytes) return undefined
  try {
    const value = JSON.parse(Buffer.from(body.bytes).toString()) as unknown
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function responseObject(answer: Answer | undefined): object | undefined {
  if (answer?.type === 'object') return answer.object
  if (answer?.type !== 'list') return undefined
  const { apiVersion, kind, metadata, items } = answer
  const isSmall = items.reduce((total, { bytes }) => total + bytes.length, 0) < maxEventBytes
  return isSmall ? { kind, apiVersion, metadata, items: items.map(({ object }) => object) } : undefined
}

function withoutManagedFields(object: object): object {
  const { metadata, items } = object as { readonly metadata?: { readonly managedFields?: unknown }; readonly items?: readonly object[] }
  const { managedFields: _dropped, ...rest } = metadata ?? {}
  return {
    ...object,
    ...(metadata === undefined ? {} : { metadata: rest }),
    ...(Array.isArray(items) ? { items: items.map((item: object) => withoutManagedFields(item)) } : {}),
  }
}
