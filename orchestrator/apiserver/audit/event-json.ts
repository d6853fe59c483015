import { statusOf } from '../../api/status-error.ts'
import type { User } from '../auth/user.ts'
import type { RequestInfo } from '../rest/request-info.ts'
import type { AuditLevel, AuditStage } from './policy.ts'

/** A request as it came in. */
export interface AuditedRequest {
  /** What the client calls it; without one that can be used it gets one. */
  readonly id?: unknown
  /** Path and query. */
  readonly url: string
  readonly userAgent: string
  readonly info: RequestInfo
  /** Absent where nobody knows who asks. */
  readonly user: User | undefined
  /** Empty where it came from within the process. */
  readonly remoteAddress: string
}

/** What an event of `audit.k8s.io/v1` says, without bodies. Times are ms since the epoch. */
export interface AuditFacts {
  readonly id: string
  readonly level: AuditLevel
  readonly stage: AuditStage
  readonly request: AuditedRequest
  /** Whom the user acts as. */
  readonly impersonated: User | undefined
  /** What the object is known by once there is an answer. */
  readonly object: { readonly name?: unknown; readonly uid?: unknown; readonly resourceVersion?: unknown }
  /** Of the answer; 0 where there is none yet. */
  readonly code: number
  readonly error: unknown
  readonly receivedAt: number
  readonly time: number
  /** Absent where the request did not come so far. */
  readonly decision: { readonly isAllowed: boolean; readonly reason: string } | undefined
  /** What else is to be known of it. */
  readonly annotations: ReadonlyMap<string, string> | undefined
  /** Whether its bodies were too large. */
  readonly isTruncated: boolean
}

/** Texts of clients are cut at so many characters. */
const maxTextLength = 1024
const maxUrlLength = maxTextLength * 4
const maxAnnotationLength = maxTextLength * 4

/**
 * The JSON of an event without its closing brace, so that bodies may follow. Put together from texts, because every change of the cluster has one: an
 * object of the event would be made for nothing but to be written down.
 */
export function eventJson(facts: AuditFacts): string {
  const { id, level, stage, request, impersonated, code, receivedAt, time } = facts
  const { url, userAgent, info, user, remoteAddress } = request
  return (
    `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"${level}","auditID":"${id}","stage":"${stage}"` +
    `,"requestURI":${quoted(url.slice(0, maxUrlLength))},"verb":${quoted(info.verb)},"user":${userJson(user)}` +
    (impersonated === undefined ? '' : `,"impersonatedUser":${userJson(impersonated)}`) +
    (remoteAddress === '' ? '' : `,"sourceIPs":[${quoted(remoteAddress)}]`) +
    (userAgent === '' ? '' : `,"userAgent":${quoted(userAgent.slice(0, maxTextLength))}`) +
    (info.isResource ? `,"objectRef":${objectRefJson(facts)}` : '') +
    (code === 0 ? '' : `,"responseStatus":${statusJson(code, facts.error)}`) +
    `,"requestReceivedTimestamp":"${microTime(receivedAt)}","stageTimestamp":"${microTime(time)}"` +
    `,"annotations":{${annotationsJson(facts)}}`
  )
}

const quoted = (text: string): string => JSON.stringify(text)

/** `,"name":"text"`, or nothing. */
const member = (name: string, text: unknown): string => (typeof text === 'string' && text !== '' ? `,"${name}":${quoted(text)}` : '')

function annotationsJson({ decision, annotations, isTruncated }: AuditFacts): string {
  let json = ''
  if (decision !== undefined) {
    json = `"authorization.k8s.io/decision":"${decision.isAllowed ? 'allow' : 'forbid'}"`
    json += `,"authorization.k8s.io/reason":${quoted(decision.reason.slice(0, maxTextLength))}`
  }
  if (annotations !== undefined) for (const [key, value] of annotations) json += member(key, value.slice(0, maxAnnotationLength))
  if (isTruncated) json += member('audit.k8s.io/truncated', 'true')
  return json.startsWith(',') ? json.slice(1) : json
}

function objectRefJson({ request, object }: AuditFacts): string {
  const { resource, namespace, name, group, version, subresource } = request.info
  // What is created with a generated name has it from the answer.
  const shownName = name === '' && subresource === '' ? object.name : name
  const known = member('namespace', namespace) + member('name', shownName) + member('uid', object.uid) + member('apiGroup', group)
  const rest = `,"apiVersion":${quoted(version)}${member('resourceVersion', object.resourceVersion)}${member('subresource', subresource)}`
  return `{"resource":${quoted(resource)}${known}${rest}}`
}

function statusJson(code: number, error: unknown): string {
  if (error === undefined) return `{"metadata":{},"code":${code}}`
  const { message = 'internal error', reason } = statusOf(error) ?? {}
  return `{"metadata":{},"status":"Failure","message":${quoted(message.slice(0, maxTextLength))}${member('reason', reason)},"code":${code}}`
}

/** A connection's user is one object for all of its requests. */
const users = new WeakMap<User, string>()

function userJson(user: User | undefined): string {
  if (user === undefined) return '{}'
  let json = users.get(user)
  if (json === undefined) {
    const { name, uid, groups, extra } = user
    json = JSON.stringify({ username: name, uid, groups, extra })
    users.set(user, json)
  }
  return json
}

/** The last second that a time was written of, and what is the same in all of its times. */
let second = Number.NaN
let secondText = ''

/** As `toMicroTimestamp`: most times lie in the second of the one before. */
function microTime(ms: number): string {
  const own = Math.floor(ms / 1000)
  if (own !== second) {
    second = own
    secondText = new Date(own * 1000).toISOString().slice(0, -4)
  }
  return `${secondText}${String(Math.floor(ms) - own * 1000).padStart(3, '0')}000Z`
}
