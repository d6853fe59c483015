import { apiVersionOf } from '../api/object.ts'
import type { Kind, KubeObject, ListOf, ObjectKey, WatchEvent } from '../api/object.ts'
import { badRequest } from '../api/status-error.ts'
import type { Client, DeleteOptions, ListOptions, Transport, TransportRequest, WriteOptions } from './client.ts'

type Method = TransportRequest['method']

/** The path of a kind's collection, or of one object when `name` is given: `/apis/apps/v1/namespaces/default/replicasets/web`. */
export function pathOf(kind: Kind, key: { readonly namespace?: string; readonly name?: string }, subresource?: string): string {
  const group = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  const namespace = kind.isNamespaced && key.namespace !== undefined ? `/namespaces/${encodeURIComponent(key.namespace)}` : ''
  const name = key.name === undefined ? '' : `/${encodeURIComponent(key.name)}`
  return `${group}${namespace}/${kind.plural}${name}${subresource === undefined ? '' : `/${subresource}`}`
}

/** A client on any transport. It keeps no state of its own. */
export function createClient(transport: Transport): Client {
  return new RestClient(transport)
}

class RestClient implements Client {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T> {
    return this.#send<T>('GET', pathTo(kind, key))
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListOf<T>> {
    const list = await this.#send<ListOf<T>>('GET', pathOf(kind, { namespace: options.namespace }), { query: listQuery(options) })
    return hasTypes(list.items) ? list : { ...list, items: list.items.map((item) => withType(kind, item)) }
  }

  create<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#send<T>('POST', pathOf(kind, { namespace: object.metadata.namespace }), { query: writeQuery(options), body: object })
  }

  update<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#send<T>('PUT', pathTo(kind, keyOfMetadata(object)), { query: writeQuery(options), body: object })
  }

  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#send<T>('PUT', pathTo(kind, keyOfMetadata(object), 'status'), { query: writeQuery(options), body: object })
  }

  patch<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    patch: Parameters<Client['patch']>[2],
    options: WriteOptions = {},
  ): Promise<T> {
    const { type: contentType, body, subresource } = patch
    return this.#send<T>('PATCH', pathTo(kind, key, subresource), { query: writeQuery(options), body, contentType })
  }

  async delete<T extends KubeObject>(kind: Kind<T>, key: ObjectKey, options: DeleteOptions = {}): Promise<T | undefined> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options }
    const answer = await this.#send<T>('DELETE', pathTo(kind, key), { body })
    // An object that is gone is answered with a Status, or with its last state, which has no deletionTimestamp.
    return answer.kind === 'Status' || answer.metadata.deletionTimestamp === undefined ? undefined : answer
  }

  watch<T extends KubeObject>(
    kind: Kind<T>,
    { signal, ...options }: ListOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<WatchEvent<T>> {
    const query = { ...listQuery(options), watch: 'true', allowWatchBookmarks: 'true' }
    const path = pathOf(kind, { namespace: options.namespace })
    return this.#transport.stream({ method: 'GET', path, query }, signal) as AsyncIterable<WatchEvent<T>>
  }

  getSubresource<R>(kind: Kind, key: ObjectKey, subresource: string): Promise<R> {
    return this.#send<R>('GET', pathTo(kind, key, subresource))
  }

  putSubresource<R>(kind: Kind, key: ObjectKey, subresource: string, body: R): Promise<R> {
    return this.#send<R>('PUT', pathTo(kind, key, subresource), { body })
  }

  createSubresource<B, R = B>(kind: Kind, key: ObjectKey, subresource: string, body: B): Promise<R> {
    return this.#send<R>('POST', pathTo(kind, key, subresource), { body })
  }

  raw<R>(path: string, options: Parameters<Client['raw']>[1] = {}): Promise<R> {
    const { method = 'GET', body, signal } = options
    const target = splitPath(path)
    return this.#send<R>(method as Method, target.path, { query: target.query, body, signal })
  }

  rawWatch<T>(path: string, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    return this.#transport.stream({ method: 'GET', ...splitPath(path) }, signal) as AsyncIterable<WatchEvent<T>>
  }

  async #send<R>(method: Method, path: string | undefined, rest: Partial<TransportRequest> = {}): Promise<R> {
    if (path === undefined) throw badRequest('resource name may not be empty')
    return (await this.#transport.request({ method, path, ...rest })) as R
  }
}

/** The path of one object; `undefined` where the name is empty: whoever asks for one must not get, or delete, all. */
const pathTo = (kind: Kind, key: ObjectKey, subresource?: string) => (key.name === '' ? undefined : pathOf(kind, key, subresource))

const keyOfMetadata = (object: KubeObject) => ({ namespace: object.metadata.namespace, name: object.metadata.name! })

/** Servers leave apiVersion and kind out of list items; the in-process one need not. */
const hasTypes = (items: readonly KubeObject[]) => items.length === 0 || items[0]!.kind !== undefined

function withType<T extends KubeObject>(kind: Kind<T>, item: T): T {
  return { ...item, apiVersion: apiVersionOf(kind), kind: kind.kind }
}

function listQuery(options: ListOptions): Record<string, string> {
  const query: Record<string, string> = {}
  if (options.labelSelector !== undefined) query.labelSelector = options.labelSelector
  if (options.fieldSelector !== undefined) query.fieldSelector = options.fieldSelector
  if (options.limit !== undefined) query.limit = String(options.limit)
  if (options.continue !== undefined) query.continue = options.continue
  if (options.resourceVersion !== undefined) query.resourceVersion = options.resourceVersion
  return query
}

function writeQuery(options: WriteOptions): Record<string, string> {
  const query: Record<string, string> = {}
  if (options.fieldManager !== undefined) query.fieldManager = options.fieldManager
  if (options.dryRun === true) query.dryRun = 'All'
  return query
}

function splitPath(path: string): { path: string; query: Record<string, string> } {
  const mark = path.indexOf('?')
  if (mark < 0) return { path, query: {} }
  return { path: path.slice(0, mark), query: Object.fromEntries(new URLSearchParams(path.slice(mark + 1))) }
}
