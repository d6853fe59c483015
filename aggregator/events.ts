/**
 * One thing that happened in the cluster, as often as it happened so far. What the API repeats about it (a series that goes on) comes as
 * another `ClusterEvent` with the same `uid` and a larger `count`.
 */
export interface ClusterEvent {
  /** Of the Event object: the same for every repetition. */
  readonly uid: string
  readonly namespace: string
  /** `Normal` or `Warning`; another word only where the API server lets one through. */
  readonly type: string
  /** One word, such as `FailedScheduling`. */
  readonly reason: string
  /** At most 1,024 characters. */
  readonly message: string
  /** What it is about. */
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string; readonly uid: string }
  /** What reports it (`kubelet`), and from where (a node), empty if unknown. */
  readonly component: string
  readonly host: string
  /** How often it has happened, at least 1; and how many of these nobody was told of yet. */
  readonly count: number
  readonly added: number
  /** ms since the epoch. */
  readonly firstSeen: number
  readonly lastSeen: number
}

/** Takes in what happened, each repetition once. Must not throw for what is in it and must not keep the caller waiting. */
export interface EventSink {
  addEvents(events: readonly ClusterEvent[]): void
}
