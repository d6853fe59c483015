import { expired } from '../../api/status-error.ts'
import { apiVersionOf } from '../../api/object.ts'
import { type Entry, isStoreError, type Listing, type ListOptions as StoreListOptions } from '../../store/store.ts'
import type { ApiRequest, ListAnswer } from '../request.ts'
import type { Core } from './core.ts'
import type { KindView } from './kind-view.ts'
import { continueExpired, decodeContinue, encodeContinue, type ListOptions, parseListOptions, waitForRevision } from './list-options.ts'
import { type Selection, selectionOf } from './selection.ts'

/** Answers a LIST: selectors, pages by `limit` and `continue`, and the resourceVersion rules. */
export async function listObjects(core: Core, view: KindView, request: ApiRequest): Promise<ListAnswer> {
  const { declaration } = view
  const options = parseListOptions(request.query, false)
  const selection = selectionOf(declaration, request.query, request.info)
  const prefix = view.prefixOf(request.info.namespace)
  const start = await startOf(core, prefix, options)
  const page = readPage(core, { view, prefix, start, limit: options.limit, selection, isContinued: options.continueToken !== '' })
  const { kind } = declaration
  return {
    type: 'list',
    apiVersion: apiVersionOf(kind),
    kind: `${kind.kind}List`,
    metadata: {
      resourceVersion: String(page.revision),
      ...(page.next === undefined ? {} : { continue: encodeContinue({ revision: page.revision, startAfter: page.next }) }),
      // As upstream, only where it is known without looking at every object.
      ...(page.next !== undefined && selection.isEverything ? { remainingItemCount: page.remaining } : {}),
    },
    items: page.entries.map((entry) => view.present(entry)),
  }
}

/** From where a list is read: at which revision (absent: the present) and after which key. */
async function startOf(core: Core, prefix: string, options: ListOptions): Promise<StoreListOptions> {
  if (options.continueToken !== '') {
    const { revision, startAfter } = decodeContinue(options.continueToken, prefix)
    return revision < 0 ? { startAfter } : { startAfter, atRevision: revision }
  }
  const { resourceVersion, resourceVersionMatch, limit } = options
  if (resourceVersion === '' || resourceVersion === '0') return {}
  await waitForRevision(core, Number(resourceVersion))
  const isExact = resourceVersionMatch === 'Exact' || (resourceVersionMatch === '' && limit > 0)
  return isExact ? { atRevision: Number(resourceVersion) } : {}
}

interface PageRequest {
  readonly view: KindView
  readonly prefix: string
  readonly start: StoreListOptions
  readonly limit: number
  readonly selection: Selection
  readonly isContinued: boolean
}

interface Page {
  readonly entries: readonly Entry[]
  readonly revision: number
  /** The key to go on after; absent when this is the last page. */
  readonly next?: string
  readonly remaining: number
}

function readPage({ store }: Core, { view, prefix, start, limit, selection, isContinued }: PageRequest): Page {
  const isPaged = limit > 0
  const listing = listAt(
    () => store.list(prefix, { ...start, ...(isPaged && selection.isEverything ? { limit } : {}) }),
    isContinued ? start.startAfter : undefined,
  )
  const { revision } = listing
  if (selection.isEverything) {
    const next = listing.remaining > 0 ? listing.entries.at(-1)?.key : undefined
    return { entries: listing.entries, revision, remaining: listing.remaining, ...(next === undefined ? {} : { next }) }
  }
  const matching = listing.entries.filter((entry) => selection.matches(view.present(entry).object))
  if (!isPaged || matching.length <= limit) return { entries: matching, revision, remaining: 0 }
  return { entries: matching.slice(0, limit), revision, remaining: 0, next: matching[limit - 1]!.key }
}

function listAt(list: () => Listing, continuedAfter: string | undefined): Listing {
  try {
    return list()
  } catch (error) {
    if (!isStoreError(error, 'compacted')) throw error
    throw continuedAfter === undefined
      ? expired(`The resourceVersion for the provided list is too old: ${error.message}`)
      : continueExpired(continuedAfter)
  }
}
