import type { Plugin } from '../framework.ts'

/** Holds pods back while they have scheduling gates. */
export const schedulingGates: Plugin<never> = {
  name: 'SchedulingGates',
  wakesOn: ['pod-changed'],
  preEnqueue: ({ spec }) =>
    (spec.schedulingGates ?? []).length === 0 ? undefined : 'Scheduling is blocked due to non-empty scheduling gates',
}
