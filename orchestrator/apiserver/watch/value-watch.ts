import type { Clock } from '../../../lib/clock.ts'
import type { KubeObject, WatchEvent } from '../../api/object.ts'
import { StatusError } from '../../api/status-error.ts'
import { bufferedWatch } from '../../store/watch-buffer.ts'
import { bookmarkObject } from './frames.ts'
import { translateWatchError } from './plan-watch.ts'
import { selectChange } from './selected-change.ts'
import type { WatchPlan } from './watch-plan.ts'

/**
 * A watch within the process: objects are handed over as they are. Ends when `signal` aborts, the watch's time is over or the
 * server stops; throws the 410 when it cannot start or falls too far behind.
 */
export async function* streamValues(plan: WatchPlan, clock: Clock, signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>> {
  if (plan.error !== undefined) throw new StatusError(plan.error)
  const { store, view, prefix, fromRevision } = plan
  const end = new AbortController()
  const timer = clock.setTimer(plan.timeoutMs, () => end.abort())
  const steps = bufferedWatch({ store, prefix, fromRevision, signal: AbortSignal.any([signal, end.signal]) })
  // Subscribes now, so that nothing is missed while the initial objects are read.
  let next = steps.next()
  next.catch(() => {})
  try {
    for (const entry of plan.initial) yield { type: 'ADDED', object: view.present(entry).object }
    if (plan.marksInitialEnd) yield { type: 'BOOKMARK', object: bookmarkObject(plan, fromRevision, true) }
    for (let step = await next; step.done !== true; step = await next) {
      let last = 0
      for (const change of step.value.changes) {
        const selected = selectChange(plan, change)
        if (selected === undefined) continue
        last = change.revision
        yield { type: selected.type, object: view.present(selected.entry).object }
      }
      // Tells a watcher whose selection skipped the newest changes where it is, so that it knows what it has seen.
      if (plan.wantsBookmarks && last < step.value.revision)
        yield { type: 'BOOKMARK', object: bookmarkObject(plan, step.value.revision, false) }
      next = steps.next()
    }
  } catch (error) {
    throw translateWatchError(error)
  } finally {
    timer.cancel()
    end.abort()
    next.catch(() => {})
  }
}
