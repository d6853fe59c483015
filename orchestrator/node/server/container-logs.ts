import type { ServerResponse } from 'node:http'
import { Transform } from 'node:stream'
import type { TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../../../lib/clock.ts'
import { fromTimestamp } from '../../../lib/clock.ts'
import type { PodWorker } from '../pod/pod-worker.ts'
import { allContainersOf, allStatusesOf, newestAttempt } from '../pod/pod-view.ts'
import type { ContainerRuntime, LogOptions, ObservedContainer } from '../runtime/runtime.ts'
import { HttpError } from './http-error.ts'

/** What a client may ask of a log, checked. */
export interface LogRequest extends LogOptions {
  readonly previous: boolean
  readonly limitBytes?: number
}

/** Reads the query of a log request; an `HttpError` 400 names the parameter that is wrong. */
export function parseLogQuery(query: URLSearchParams, nowMs: number): LogRequest {
  const tailLines = integer(query, 'tailLines', 0)
  const limitBytes = integer(query, 'limitBytes', 1)
  const sinceSeconds = integer(query, 'sinceSeconds', 1)
  const sinceTime = query.get('sinceTime')
  const sinceTimeMs = sinceTime === null || sinceTime === '' ? undefined : fromTimestamp(sinceTime)
  if (sinceTime !== null && sinceTime !== '' && sinceTimeMs === undefined)
    throw new HttpError(400, `sinceTime: "${sinceTime}" is no RFC 3339 time`)
  if (sinceSeconds !== undefined && sinceTimeMs !== undefined)
    throw new HttpError(400, 'at most one of `sinceTime` or `sinceSeconds` may be specified')
  const sinceMs = sinceTimeMs ?? (sinceSeconds === undefined ? undefined : nowMs - sinceSeconds * 1000)
  return {
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  }
}

function integer(query: URLSearchParams, name: string, min: number): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < min) throw new HttpError(400, `${name}: "${text}" must be an integer that is at least ${min}`)
  return value
}

const flag = (query: URLSearchParams, name: string) => ['true', '1', ''].includes(query.get(name) ?? 'false')

type LoggedPod = Pick<PodWorker, 'pod' | 'containers' | 'status'>

/**
 * The container whose log is meant; an `HttpError` 400 in the kubelet's words where there is none yet. The previous one is what the status tells as the
 * last to end: of a container that waits to be started again that is the one that has just crashed.
 */
export function logContainerOf(worker: LoggedPod, name: string, previous: boolean): ObservedContainer {
  const { pod } = worker
  const podName = pod.metadata.name
  if (!allContainersOf(pod).some((each) => each.name === name))
    throw new HttpError(400, `container ${name} is not valid for pod ${podName}`)
  const containers = worker.containers.filter(({ kind }) => kind === 'container')
  const newest = newestAttempt({ containers }, name)
  const told = allStatusesOf(worker.status).find((each) => each.name === name)
  const ended = containers.find(({ id }) => told?.lastState?.terminated?.containerID?.endsWith(`://${id}`) === true)
  if (previous) {
    if (ended === undefined) throw new HttpError(400, `previous terminated container "${name}" in pod "${podName}" not found`)
    return ended
  }
  if (newest !== undefined && newest.state !== 'created') return newest
  if (ended !== undefined) return ended
  const { waiting } = told?.state ?? {}
  const reason = waiting?.message || waiting?.reason || 'ContainerCreating'
  throw new HttpError(400, `container "${name}" in pod "${podName}" is waiting to start: ${reason}`)
}

/** Streams a log into an answer. A client that leaves ends the reading. */
export async function sendLogs(options: {
  readonly runtime: ContainerRuntime
  readonly container: ObservedContainer
  readonly request: LogRequest
  readonly response: ServerResponse
  readonly clock: Clock
}): Promise<void> {
  const { runtime, container, request, response } = options
  const abort = new AbortController()
  response.once('close', () => abort.abort())
  const stream = await runtime.logs(container.id, request, abort.signal)
  response.writeHead(200, { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' })
  response.flushHeaders()
  try {
    if (request.limitBytes === undefined) await pipeline(stream, response)
    else await pipeline(stream, new ByteLimit(request.limitBytes), response)
  } catch (error) {
    // Cut short by the limit or by the client: everything that was wanted has been sent.
    if (!abort.signal.aborted && !response.writableEnded) throw error
  } finally {
    stream.destroy()
    abort.abort()
  }
}

/** Lets so many bytes pass and drops the rest. */
class ByteLimit extends Transform {
  #left: number

  constructor(limitBytes: number) {
    super()
    this.#left = limitBytes
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    const part = chunk.subarray(0, this.#left)
    this.#left -= part.length
    if (part.length > 0) this.push(part)
    if (this.#left === 0) this.push(null)
    callback()
  }
}
