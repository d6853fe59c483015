import { expired, isExpired, statusOf } from '../../api/status-error.ts'
import { isStoreError } from '../../store/store.ts'
import type { ApiRequest } from '../request.ts'
import type { Core } from '../rest/core.ts'
import type { KindView } from '../rest/kind-view.ts'
import { parseListOptions, waitForRevision } from '../rest/list-options.ts'
import { isTrue } from '../rest/request-info.ts'
import { selectionOf } from '../rest/selection.ts'
import type { WatchPlan } from './watch-plan.ts'

/** Watches end on their own after a while, each at another time, so that they spread over servers anew. */
const minTimeoutMs = 30 * 60_000

/** Reads a WATCH request. Throws for bad parameters; a revision that is too old gives a plan that says so in the stream. */
export async function planWatch(core: Core, view: KindView, request: ApiRequest): Promise<WatchPlan> {
  const { query, info, accepted } = request
  const options = parseListOptions(query, true)
  const selection = selectionOf(view.declaration, query, info)
  const prefix = view.prefixOf(info.namespace)
  const wantsInitial = query.has('sendInitialEvents') && isTrue(query.get('sendInitialEvents'))
  const given = Number(options.resourceVersion)
  await waitForRevision(core, given)
  // Without a revision, and with "any", the stream starts with what is there.
  const isFromPresent = query.has('sendInitialEvents') ? wantsInitial : given === 0
  const fromRevision = isFromPresent || given === 0 ? core.store.revision : given
  const wantsBookmarks = isTrue(query.get('allowWatchBookmarks'))
  const initial = isFromPresent ? core.store.list(prefix).entries.filter((entry) => selection.matches(view.present(entry).object)) : []
  const timeoutSeconds = Number(query.get('timeoutSeconds') ?? 0)
  const include = query.get('includeObject')
  return {
    store: core.store,
    view,
    prefix,
    selection,
    accepted,
    includeObject: include === 'None' || include === 'Object' ? include : 'Metadata',
    fromRevision,
    initial,
    wantsBookmarks,
    marksInitialEnd: wantsInitial && wantsBookmarks,
    timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1000 : minTimeoutMs * (1 + core.random.fraction()),
    ...startError(core, fromRevision),
  }
}

function startError({ store }: Core, fromRevision: number): Pick<WatchPlan, 'error'> {
  if (fromRevision >= store.compactedRevision) return {}
  const error = expired(`too old resource version: ${fromRevision} (${store.compactedRevision + 1})`)
  return isExpired(error) ? { error: statusOf(error)! } : {}
}

/** Turns the store's refusal to watch from a revision into the 410 that clients know. */
export function translateWatchError(error: unknown): unknown {
  return isStoreError(error, 'compacted') || isStoreError(error, 'slow') ? expired(error.message) : error
}
