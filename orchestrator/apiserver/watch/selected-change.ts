import type { Change, Entry } from '../../store/store.ts'
import type { WatchPlan } from './watch-plan.ts'

/** A change as one selection sees it. */
export interface SelectedChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly entry: Entry
}

/**
 * What a watcher with a selection is told of a change: an object that begins to match is ADDED, one that ceases to is DELETED
 * (with its newest content), one that never matched is nothing.
 */
export function selectChange({ view, selection }: Pick<WatchPlan, 'view' | 'selection'>, change: Change): SelectedChange | undefined {
  const { type, entry, previous } = change
  if (selection.isEverything) return { type: type === 'created' ? 'ADDED' : type === 'updated' ? 'MODIFIED' : 'DELETED', entry }
  const matches = (candidate: Entry | undefined) => candidate !== undefined && selection.matches(view.present(candidate).object)
  const did = matches(previous)
  const does = type !== 'deleted' && matches(entry)
  if (did && does) return { type: 'MODIFIED', entry }
  if (does) return { type: 'ADDED', entry }
  return did ? { type: 'DELETED', entry } : undefined
}
