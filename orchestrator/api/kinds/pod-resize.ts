import { isDeepStrictEqual } from 'node:util'
import { forbiddenField } from '../field-errors.ts'
import type { CoreV1Pod, CoreV1ResourceRequirements } from '../generated/kinds.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'
import { qosClassOf } from './pod-resources.ts'

const resizable = new Set(['cpu', 'memory'])

/** What is wrong with a change of a pod's resources while it runs. */
export function validateResize(object: KubeObject, before: KubeObject): StatusCause[] {
  const { spec, status } = object as CoreV1Pod
  const previous = (before as CoreV1Pod).spec
  const causes = spec.containers.flatMap(({ name, resources }, index) => {
    const known = previous.containers.find((each) => each.name === name)?.resources
    return validateChange(resources ?? {}, known ?? {}, `spec.containers[${index}].resources`)
  })
  if (!isDeepStrictEqual(spec, previous) && (status?.phase === 'Succeeded' || status?.phase === 'Failed'))
    causes.push(forbiddenField('spec', 'Pod has ended: its resources cannot be resized'))
  if (qosClassOf(spec) !== qosClassOf(previous)) causes.push(forbiddenField('spec', 'Pod QOS Class may not change as a result of resizing'))
  return causes
}

function validateChange(now: CoreV1ResourceRequirements, before: CoreV1ResourceRequirements, field: string): StatusCause[] {
  return (['limits', 'requests'] as const).flatMap((list) => {
    const names = new Set([...Object.keys(now[list] ?? {}), ...Object.keys(before[list] ?? {})])
    return [...names].flatMap((name) => {
      const [value, known] = [now[list]?.[name], before[list]?.[name]]
      if (value === known) return []
      if (!resizable.has(name)) return [forbiddenField(`${field}.${list}`, 'only cpu and memory resources are mutable')]
      return value === undefined ? [forbiddenField(`${field}.${list}`, `resource ${list} cannot be removed`)] : []
    })
  })
}
