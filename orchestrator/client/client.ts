import type { Kind, KubeObject, ListOf, ObjectKey, WatchEvent } from '../api/object.ts'

/** What a LIST or WATCH is narrowed to. Selectors are in upstream's text form. */
export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
}

/** How a change is made. */
export interface WriteOptions {
  readonly fieldManager?: string
  readonly dryRun?: boolean
}

/** How a removal is made; `preconditions` turn it into a compare-and-delete. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export type PatchType = 'application/json-patch+json' | 'application/merge-patch+json' | 'application/strategic-merge-patch+json'

/**
 * A typed client of the API server, the same in-process and over HTTPS. Every method rejects with a `StatusError`;
 * test with the predicates of `api/status-error.ts`. Objects that come back are shared and must not be changed: copy first.
 * `subresource` is e.g. `status`, `scale`, `binding`.
 */
export interface Client {
  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T>
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ListOf<T>>
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>
  /** Replaces the object; its resourceVersion, if set, must still be the stored one. */
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>
  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>
  patch<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    patch: { readonly type: PatchType; readonly body: unknown; readonly subresource?: string },
    options?: WriteOptions,
  ): Promise<T>
  /** Resolves with the object when it stays for finalizers or a grace period, else with `undefined`. */
  delete<T extends KubeObject>(kind: Kind<T>, key: ObjectKey, options?: DeleteOptions): Promise<T | undefined>
  /** Streams changes after `resourceVersion` until `signal` aborts (ends quietly) or the server ends it. Too old: rejects, `isExpired`. */
  watch<T extends KubeObject>(kind: Kind<T>, options: ListOptions & { readonly signal: AbortSignal }): AsyncIterable<WatchEvent<T>>
  getSubresource<R>(kind: Kind, key: ObjectKey, subresource: string): Promise<R>
  putSubresource<R>(kind: Kind, key: ObjectKey, subresource: string, body: R): Promise<R>
  createSubresource<B, R = B>(kind: Kind, key: ObjectKey, subresource: string, body: B): Promise<R>
  /** Any path of the server, for APIs without generated kinds (`/apis/metrics.k8s.io/v1beta1/…`, `/version`). Answers parsed JSON. */
  raw<R>(path: string, options?: { readonly method?: string; readonly body?: unknown; readonly signal?: AbortSignal }): Promise<R>
  /** Streams a watch on any path (the path has its query). Frames as on the wire. */
  rawWatch<T>(path: string, signal: AbortSignal): AsyncIterable<WatchEvent<T>>
}

/**
 * What carries requests to an API server. Two implementations: HTTPS, and the in-process one that the server folder offers,
 * which hands objects over without serialising them. Answers of status >= 400 reject with the `StatusError` in the body.
 */
export interface Transport {
  request(request: TransportRequest): Promise<unknown>
  stream(request: TransportRequest, signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>>
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute path without query, segments percent-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal
}
