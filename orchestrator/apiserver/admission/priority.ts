import type { CoreV1Pod, SchedulingV1PriorityClass } from '../../api/generated/kinds.ts'
import { forbidden } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

const prefix = 'scheduling.k8s.io/priorityclasses/'

/** Resolves a pod's priority class into its priority. */
export function priority(store: Store): AdmissionPlugin {
  return {
    name: 'Priority',
    admit({ operation, declaration, name, subresource, object }) {
      if (operation !== 'CREATE' || subresource !== '' || resourceOf(declaration) !== 'pods') return
      const { spec } = object as CoreV1Pod
      if (spec === undefined) return
      const refuse = (why: string) => forbidden(declaration.kind, name, why)
      const found = spec.priorityClassName ? classNamed(store, spec.priorityClassName) : defaultClass(store)
      if (spec.priorityClassName && found === undefined) throw refuse(`no PriorityClass with name ${spec.priorityClassName} was found`)
      const value = found?.value ?? 0
      if (spec.priority !== undefined && spec.priority !== value)
        throw refuse(
          `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        )
      spec.priority = value
      if (found !== undefined) spec.priorityClassName = found.metadata.name!
      spec.preemptionPolicy ??= found?.preemptionPolicy ?? 'PreemptLowerPriority'
    },
  }
}

function classNamed(store: Store, name: string): SchedulingV1PriorityClass | undefined {
  return store.get(`${prefix}${name}`)?.object as SchedulingV1PriorityClass | undefined
}

/** Of several defaults the lowest counts, as upstream. */
function defaultClass(store: Store): SchedulingV1PriorityClass | undefined {
  const defaults = store
    .list(prefix)
    .entries.map(({ object }) => object as SchedulingV1PriorityClass)
    .filter(({ globalDefault }) => globalDefault === true)
  return defaults.sort((a, b) => a.value - b.value)[0]
}
