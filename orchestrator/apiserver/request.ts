import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { KubeObject, WatchEvent } from '../api/object.ts'
import type { User } from './auth/user.ts'
import type { Accepted } from './rest/negotiation.ts'
import type { RequestInfo } from './rest/request-info.ts'
import type { WatchPlan } from './watch/watch-plan.ts'

/** A request's body: bytes of a declared type from the network, or a value from within the process (which must not be changed). */
export type RequestBody =
  | { readonly bytes: Uint8Array; readonly contentType: string }
  | { readonly value: unknown; readonly contentType: string }

/** One authenticated request, however it arrived. */
export interface ApiRequest {
  readonly info: RequestInfo
  readonly query: URLSearchParams
  readonly user: User
  readonly accepted: Accepted
  readonly userAgent: string
  /** `undefined` when there is none. */
  readonly body: RequestBody | undefined
  /** Collects `Warning` headers. */
  readonly warnings: string[]
  /** Absent where nothing of the request is written down. */
  readonly audit?: RequestAudit
}

/** What is told to the audit log about a request on its way. */
export interface RequestAudit {
  /** Whether it may. */
  setDecision(isAllowed: boolean, reason: string): void
  /** Something else to know of it; the last value of a key counts. */
  annotate(key: string, value: string): void
}

/** What a request is answered with. Bytes are made as late as possible, so that a caller within the process never pays for them. */
export type Answer =
  /** Any JSON value; `bytes`, where there are some, are its JSON. */
  | { readonly type: 'object'; readonly code: number; readonly object: object; readonly bytes?: Buffer }
  | ListAnswer
  | { readonly type: 'watch'; readonly plan: WatchPlan }
  /** Bytes with a content type of their own. */
  | { readonly type: 'bytes'; readonly code: number; readonly contentType: string; readonly bytes: Buffer | string; readonly etag?: string }
  | ProxyAnswer

/** A LIST: the parts that `metadata` and `items` are put together from. */
export interface ListAnswer {
  readonly type: 'list'
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number }
  readonly items: readonly { readonly object: KubeObject; readonly bytes: Buffer }[]
}

/** Somebody else answers: the request is passed on as bytes. Within the process `request` and `stream` do the same with values. */
export interface ProxyAnswer {
  readonly type: 'proxy'
  forward(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  request(body: RequestBody | undefined): Promise<unknown>
  stream(signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>>
}
