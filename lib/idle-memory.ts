import { getHeapStatistics } from 'node:v8'
import type { Clock } from './clock.ts'

/** The heap of a process, as far as giving memory back is concerned. */
export interface Heap {
  readonly bytes: number
  /** The share of the time since the last call in which the process was busy. */
  busyShare(): number
  /** Collects everything and gives what is free to the system. Takes 2 to 3 ms per megabyte, in which nothing else happens. */
  giveBack(): void
}

/** By then a start is over. */
const firstMs = 15_000
const maxIntervalMs = 20 * 60_000
/** Nobody waits where less than this is done. */
const maxBusyShare = 0.2
/** Above, collecting would take noticeable time. */
const maxHeapBytes = 64 * 1024 * 1024

/**
 * Gives memory back while there is nothing to do, ever more seldom: what a start or a busy minute has left stays with V8 otherwise, a tenth of a small
 * process. Does nothing where the process may not ask for it (`--expose-gc`).
 */
export function giveMemoryBackWhenIdle(clock: Clock, heap: Heap | undefined = ownHeap()): void {
  if (heap === undefined) return
  let intervalMs = firstMs
  const look = () => {
    if (heap.busyShare() < maxBusyShare && heap.bytes <= maxHeapBytes) {
      heap.giveBack()
      intervalMs = Math.min(intervalMs * 2, maxIntervalMs)
    }
    clock.setTimer(intervalMs, look)
  }
  clock.setTimer(intervalMs, look)
}

function ownHeap(): Heap | undefined {
  const { gc } = globalThis
  if (gc === undefined) return undefined
  let last = performance.eventLoopUtilization()
  return {
    get bytes() {
      return getHeapStatistics().used_heap_size
    },
    busyShare: () => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, last)
      last = now
      return utilization
    },
    giveBack: () => {
      gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    },
  }
}
