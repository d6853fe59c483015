import type { IncomingMessage } from 'node:http'
import { toMicroTimestamp, type Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { Random } from '../../../lib/random.ts'
import { statusOf } from '../../api/status-error.ts'
import type { User } from '../auth/user.ts'
import type { Answer, RequestBody } from '../request.ts'
import type { RequestInfo } from '../rest/request-info.ts'
import { AuditQueue } from './audit-queue.ts'
import type { AuditSink } from './audit-sink.ts'
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
const maxTextLength = 1024
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

  /** `undefined` where nothing of the request is to be written down. `user` is absent where nobody knows who asks. */
  begin(request: IncomingMessage, info: RequestInfo, user: User | undefined, remoteAddress: string): AuditRecord | undefined {
    const { policy, clock, random } = this.#options
    const verdict = judge(policy, info, user ?? noUser)
    if (verdict.level === 'None') return undefined
    const given = request.headers['audit-id']
    const record = new AuditRecord({
      id: typeof given === 'string' && auditIdPattern.test(given) ? given : random.uuid(),
      url: request.url ?? '',
      userAgent: request.headers['user-agent'] ?? '',
      info,
      user,
      remoteAddress,
      verdict,
      clock,
      queue: this.#queue,
    })
    record.write('RequestReceived')
    return record
  }

  /** In the blocking mode: resolves when events that were made so far are written. */
  async settled(): Promise<void> {
    if (this.#options.mode === 'blocking') await this.#queue.flush()
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
  readonly id: string
  readonly url: string
  readonly userAgent: string
  readonly info: RequestInfo
  readonly user: User | undefined
  readonly remoteAddress: string
  readonly verdict: AuditVerdict
  readonly clock: Clock
  readonly queue: AuditQueue
}

/** One request: what is learned about it on its way, and its events. */
export class AuditRecord {
  readonly #options: RecordOptions
  readonly #receivedAt: number
  readonly #annotations: Record<string, string> = {}
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
    if (user !== this.#options.user) this.#impersonated = user
  }

  setDecision(isAllowed: boolean, reason: string): void {
    this.#annotations['authorization.k8s.io/decision'] = isAllowed ? 'allow' : 'forbid'
    this.#annotations['authorization.k8s.io/reason'] = reason.slice(0, maxTextLength)
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
    const { verdict, queue, info, clock } = this.#options
    if (verdict.omitStages.includes(stage)) return
    const time = clock.now()
    const event = this.#describe(stage, { time, code, error })
    let json = JSON.stringify({ ...event, ...this.#bodies(stage) })
    if (json.length > maxEventBytes) {
      const annotations = { ...this.#annotations, 'audit.k8s.io/truncated': 'true' }
      json = JSON.stringify({ ...event, annotations })
    }
    queue.add({ json, time, namespace: info.namespace, code })
  }

  #describe(stage: AuditStage, { time, code, error }: { readonly time: number; readonly code: number; readonly error: unknown }): object {
    const { id, url, userAgent, info, user, remoteAddress, verdict } = this.#options
    const status = error === undefined ? undefined : statusOf(error)
    const message = status?.message ?? (error === undefined ? undefined : 'internal error')
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: verdict.level,
      auditID: id,
      stage,
      requestURI: url.slice(0, maxTextLength * 4),
      verb: info.verb,
      user: describeUser(user),
      ...(this.#impersonated === undefined ? {} : { impersonatedUser: describeUser(this.#impersonated) }),
      ...(remoteAddress === '' ? {} : { sourceIPs: [remoteAddress] }),
      ...(userAgent === '' ? {} : { userAgent: userAgent.slice(0, maxTextLength) }),
      ...(info.isResource ? { objectRef: this.#objectRef() } : {}),
      ...(code === 0
        ? {}
        : {
            responseStatus: {
              metadata: {},
              ...(message === undefined ? {} : { status: 'Failure', message: message.slice(0, maxTextLength), reason: status?.reason }),
              code,
            },
          }),
      requestReceivedTimestamp: toMicroTimestamp(this.#receivedAt),
      stageTimestamp: toMicroTimestamp(time),
      annotations: this.#annotations,
    }
  }

  #objectRef(): object {
    const { resource, namespace, name, group, version, subresource } = this.#options.info
    const metadata = metadataOf(this.#answer?.type === 'object' && this.#answer.code < 300 ? this.#answer.object : undefined)
    // What is created with a generated name has it from the answer.
    const shownName = name === '' && typeof metadata.name === 'string' && subresource === '' ? metadata.name : name
    return {
      resource,
      ...(namespace === '' ? {} : { namespace }),
      ...(shownName === '' ? {} : { name: shownName }),
      ...(typeof metadata.uid === 'string' ? { uid: metadata.uid } : {}),
      ...(group === '' ? {} : { apiGroup: group }),
      apiVersion: version,
      ...(typeof metadata.resourceVersion === 'string' ? { resourceVersion: metadata.resourceVersion } : {}),
      ...(subresource === '' ? {} : { subresource }),
    }
  }

  #bodies(stage: AuditStage): object {
    const { verdict, info } = this.#options
    if (verdict.level === 'Metadata' || stage === 'RequestReceived') return {}
    if (secretResources.has(info.resource) || (info.resource === 'serviceaccounts' && info.subresource === 'token')) return {}
    const request = requestObject(this.#body)
    const response = verdict.level === 'RequestResponse' && stage === 'ResponseComplete' ? responseObject(this.#answer) : undefined
    const shown = (object: object) => (verdict.omitsManagedFields ? withoutManagedFields(object) : object)
    return {
      ...(request === undefined ? {} : { requestObject: shown(request) }),
      ...(response === undefined ? {} : { responseObject: shown(response) }),
    }
  }
}

function describeUser(user: User | undefined): object {
  if (user === undefined) return {}
  const { name, uid, groups, extra } = user
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) }
}

function metadataOf(object: object | undefined): { readonly name?: unknown; readonly uid?: unknown; readonly resourceVersion?: unknown } {
  const { metadata = {} }: { readonly metadata?: object } = object ?? {}
  return metadata
}

/** Bodies in YAML or protobuf are left out: they are what the answer is made of. */
function requestObject(body: RequestBody | undefined): object | undefined {
  if (body === undefined || !('bytes' in body) || !/json/.test(body.contentType) || body.bytes.length > maxEventBytes) return undefined
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
