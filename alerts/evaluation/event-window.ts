import type { ClusterEvent, EventSink } from '../../aggregator/events.ts'
import type { EventSource } from '../rules/source.ts'
import { labelsKey } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { SeriesValue } from './observation.ts'
import type { Span } from './reduce.ts'

/** Something that happened `count` times at a moment. */
interface Happening {
  readonly time: number
  readonly count: number
  readonly labels: Labels
}

export interface EventWindowOptions {
  readonly windowMs: number
  /** More repetitions than this are forgotten, oldest first. Default 50,000. */
  readonly maxHappenings?: number
}

/**
 * What happened in the cluster lately, each repetition at the time when it was seen, so that rules can count. Holds as much as the memory window
 * does of figures; what happened before a start is not there.
 */
export class EventWindow implements EventSink {
  readonly #options: Required<EventWindowOptions>
  #happenings: Happening[] = []
  /** Those before it have been forgotten. */
  #first = 0

  constructor({ windowMs, maxHappenings = 50_000 }: EventWindowOptions) {
    this.#options = { windowMs, maxHappenings }
  }

  addEvents(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      if (event.added <= 0) continue
      this.#happenings.push({ time: event.lastSeen, count: event.added, labels: labelsOf(event) })
      this.#forget(event.lastSeen)
    }
  }

  /** How often each group of what a rule counts happened inside a span. */
  count(source: EventSource, span: Span): Omit<SeriesValue, 'isCovered'>[] {
    const groups = new Map<string, { labels: Labels; value: number; sampledAt: number }>()
    for (let index = this.#first; index < this.#happenings.length; index++) {
      const { time, count, labels } = this.#happenings[index]!
      if (time < span.since || time > span.until || !selects(source, labels)) continue
      const picked = pick(labels, source.groupBy)
      const key = labelsKey(picked)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { labels: picked, value: count, sampledAt: time })
      else {
        group.value += count
        group.sampledAt = Math.max(group.sampledAt, time)
      }
    }
    return [...groups.values()]
  }

  #forget(now: number): void {
    const { windowMs, maxHappenings } = this.#options
    const happenings = this.#happenings
    const isOld = (happening: Happening) => happening.time < now - windowMs || happenings.length - this.#first > maxHappenings
    while (this.#first < happenings.length && isOld(happenings[this.#first]!)) this.#first++
    if (this.#first < 1024 || this.#first * 2 < happenings.length) return
    this.#happenings = happenings.slice(this.#first)
    this.#first = 0
  }
}

function labelsOf({ namespace, reason, type, object, host }: ClusterEvent): Labels {
  const { kind, name } = object
  const labels: Record<string, string> = { kind, name, reason, type }
  // Events about what has no namespace lie in `default`.
  const space = object.namespace || (kind === 'Node' ? '' : namespace)
  const node = kind === 'Node' ? name : host
  if (space !== '') labels['namespace'] = space
  if (kind === 'Pod') labels['pod'] = name
  if (node !== '') labels['node'] = node
  return labels
}

function selects({ reasons, types, kinds, namespaces }: EventSource, labels: Labels): boolean {
  const takes = (wanted: readonly string[], name: string) => wanted.length === 0 || wanted.includes(labels[name] ?? '')
  return takes(reasons, 'reason') && takes(types, 'type') && takes(kinds, 'kind') && takes(namespaces, 'namespace')
}

/** The labels that `names` asks for. */
export function pick(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(labels, name) ? [[name, labels[name]!]] : [])))
}
