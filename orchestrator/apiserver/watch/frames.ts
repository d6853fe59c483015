import { toPartialMetadata, toTable } from '../../api/table.ts'
import { apiVersionOf, type KubeObject } from '../../api/object.ts'
import type { Entry } from '../../store/store.ts'
import { type FrameType, initialEventsEnd, type WatchPlan } from './watch-plan.ts'

/** Frames of recent changes are kept for this many entries: long enough for every watcher of the moment. */
const maxCachedEntries = 1024

/**
 * Makes the frames of watch streams. Watchers that want the same form of the same change get the same buffer, so a change is
 * encoded once however many watch.
 */
export class FrameEncoder {
  readonly #cache = new Map<Entry, Map<string, Buffer>>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** One JSON line. `isFirst` decides whether a table carries its columns. */
  encode(plan: WatchPlan, type: FrameType, entry: Entry, isFirst: boolean): Buffer {
    const { apiVersion, kind } = shapeOf(plan)
    const form = `${type} ${plan.accepted.as} ${plan.includeObject} ${isFirst} ${apiVersion} ${kind}`
    let forms = this.#cache.get(entry)
    if (forms === undefined) {
      if (this.#cache.size >= maxCachedEntries) this.#cache.clear()
      forms = new Map()
      this.#cache.set(entry, forms)
    }
    let frame = forms.get(form)
    if (frame === undefined) {
      frame = this.#make(plan, type, entry, isFirst)
      forms.set(form, frame)
    }
    return frame
  }

  #make(plan: WatchPlan, type: FrameType, entry: Entry, isFirst: boolean): Buffer {
    const { object, bytes } = plan.view.present(entry)
    if (plan.accepted.as === 'object') return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), bytes, frameEnd])
    return jsonFrame(type, transformed(plan, object, this.#now(), isFirst))
  }
}

const frameEnd = Buffer.from('}\n')

const shapeOf = ({ view }: WatchPlan) => ({ apiVersion: apiVersionOf(view.declaration.kind), kind: view.declaration.kind.kind })

function jsonFrame(type: string, object: object): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`)
}

/** The object in the form that the watcher asked for. */
export function transformed(plan: WatchPlan, object: KubeObject, now: number, isFirst: boolean): object {
  const { accepted, includeObject, view } = plan
  if (accepted.as === 'PartialObjectMetadata') return toPartialMetadata(object)
  if (accepted.as === 'object') return object
  const { resourceVersion } = object.metadata
  return toTable(view.declaration, [object], {
    now,
    includeObject,
    withColumns: isFirst,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  })
}

/** A BOOKMARK's object: only where the watcher now is, and whether the initial events are through. */
export function bookmarkObject(plan: WatchPlan, revision: number, isInitialEnd: boolean): KubeObject {
  const { apiVersion, kind } = shapeOf(plan)
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null as unknown as string,
    ...(isInitialEnd ? { annotations: { [initialEventsEnd]: 'true' } } : {}),
  }
  return { kind, apiVersion, metadata }
}

/** The BOOKMARK in the watcher's form. A table's bookmark has one row without cells. */
export function bookmarkFrame(plan: WatchPlan, revision: number, isInitialEnd: boolean): Buffer {
  const object = bookmarkObject(plan, revision, isInitialEnd)
  if (plan.accepted.as === 'object') return jsonFrame('BOOKMARK', object)
  const partial = toPartialMetadata(object)
  if (plan.accepted.as === 'PartialObjectMetadata') return jsonFrame('BOOKMARK', partial)
  const table = {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: String(revision) },
    columnDefinitions: [],
    rows: [{ cells: [], object: partial }],
  }
  return jsonFrame('BOOKMARK', table)
}

/** The ERROR that ends a stream. */
export function errorFrame(status: object): Buffer {
  return jsonFrame('ERROR', status)
}
