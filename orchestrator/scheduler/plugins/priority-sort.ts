import type { Plugin } from '../framework.ts'

/** Higher priority first, then who waited longer. */
export const prioritySort: Plugin<never> = {
  name: 'PrioritySort',
  queueSort: (a, b) => (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0) || a.since - b.since,
}
