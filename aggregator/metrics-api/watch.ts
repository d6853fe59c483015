import type { ServerResponse } from 'node:http'
import type { KubeObject, WatchEvent } from '../../orchestrator/api/object.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import type { Clock } from '../../lib/clock.ts'
import type { MetricsChange } from './resource-metrics.ts'

/** Where changes come from. */
export interface MetricsFeed {
  /** Grows with every batch. */
  readonly revision: string
  /** Returns the unsubscriber. */
  onChange(handler: (changes: readonly MetricsChange[]) => void): () => void
}

/** What one watcher wants. */
export interface WatchRequest {
  readonly resource: 'nodes' | 'pods'
  /** What is there now, already narrowed. */
  readonly current: readonly KubeObject[]
  readonly matches: (object: KubeObject) => boolean
  /** Turns a frame's object into what the client accepts (itself or a one-row Table). */
  readonly present: (object: KubeObject) => unknown
  /** Whether what is there now comes first, as ADDED. */
  readonly sendsInitial: boolean
  readonly sendsBookmarks: boolean
  /** Whether a bookmark is to mark the end of what was there. */
  readonly marksInitialEnd: boolean
  readonly timeoutMs: number
}

const bookmarkEveryMs = 60_000
/** A reader that is this far behind is cut off; it starts again with a list. */
const maxBacklogBytes = 16 << 20

/**
 * Streams metrics as they change: one burst of MODIFIED frames per scrape of a node, no polling. Ends after `timeoutMs`, when the client
 * leaves, when it reads too slowly, or when `signal` aborts.
 */
export async function streamMetrics(
  response: ServerResponse,
  { feed, clock, signal }: { readonly feed: MetricsFeed; readonly clock: Clock; readonly signal: AbortSignal },
  request: WatchRequest,
): Promise<void> {
  const ended = new AbortController()
  const end = () => ended.abort()
  const send = (type: WatchEvent<KubeObject>['type'], object: unknown) => {
    response.write(`${JSON.stringify({ type, object })}\n`)
    if (response.writableLength > maxBacklogBytes) end()
  }
  const sent = new Set(request.current.map(keyOf))
  response.on('error', end)
  response.on('close', end)
  signal.addEventListener('abort', end, { once: true })
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
  response.flushHeaders()
  if (request.sendsInitial) for (const object of request.current) send('ADDED', request.present(object))
  if (request.marksInitialEnd) send('BOOKMARK', bookmark(request.resource, feed.revision, { 'k8s.io/initial-events-end': 'true' }))
  const unsubscribe = feed.onChange((changes) => {
    for (const { type, resource, object } of changes) {
      if (resource !== request.resource) continue
      const key = keyOf(object)
      const isWanted = type !== 'DELETED' && request.matches(object)
      if (isWanted) send(sent.has(key) ? 'MODIFIED' : 'ADDED', request.present(object))
      else if (sent.has(key)) send('DELETED', request.present(object))
      if (isWanted) sent.add(key)
      else sent.delete(key)
    }
  })
  const deadline = clock.setTimer(request.timeoutMs, end)
  while (!ended.signal.aborted) {
    await clock.sleep(bookmarkEveryMs, ended.signal)
    if (!ended.signal.aborted && request.sendsBookmarks) send('BOOKMARK', bookmark(request.resource, feed.revision))
  }
  deadline.cancel()
  unsubscribe()
  signal.removeEventListener('abort', end)
  if (response.writableLength > maxBacklogBytes) response.destroy()
  else response.end()
}

function bookmark(resource: 'nodes' | 'pods', resourceVersion: string, annotations?: Readonly<Record<string, string>>): object {
  return {
    kind: resource === 'nodes' ? 'NodeMetrics' : 'PodMetrics',
    apiVersion: 'metrics.k8s.io/v1beta1',
    metadata: { resourceVersion, creationTimestamp: null, ...(annotations === undefined ? {} : { annotations }) },
  }
}
