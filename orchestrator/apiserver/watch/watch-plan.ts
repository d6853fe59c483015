import type { KubeObject, WatchEvent } from '../../api/object.ts'
import type { Status } from '../../api/status-error.ts'
import type { Entry, Store } from '../../store/store.ts'
import type { Accepted } from '../rest/negotiation.ts'
import type { KindView } from '../rest/kind-view.ts'
import type { Selection } from '../rest/selection.ts'

/** A WATCH that has been checked and may start. */
export interface WatchPlan {
  readonly store: Store
  readonly view: KindView
  readonly prefix: string
  readonly selection: Selection
  readonly accepted: Accepted
  readonly includeObject: 'None' | 'Metadata' | 'Object'
  /** Changes after this revision are told. */
  readonly fromRevision: number
  /** What is told as ADDED before. */
  readonly initial: readonly Entry[]
  readonly wantsBookmarks: boolean
  /** A BOOKMARK that ends the initial events follows them. */
  readonly marksInitialEnd: boolean
  readonly timeoutMs: number
  /** Set when the watch cannot start there: the stream is this one ERROR. */
  readonly error?: Status
}

/** A frame's words for what happened, from the point of view of one selection. */
export type FrameType = WatchEvent<KubeObject>['type']

/** The annotation of the BOOKMARK after the initial events. */
export const initialEventsEnd = 'k8s.io/initial-events-end'
