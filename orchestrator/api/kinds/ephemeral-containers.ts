import { isDeepStrictEqual } from 'node:util'
import { duplicate, forbiddenField, missing } from '../field-errors.ts'
import type { CoreV1Pod } from '../generated/kinds.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'

const field = 'spec.ephemeralContainers'

/** What is wrong with a pod's ephemeral containers after a change of them: they can be added, and neither changed nor taken away. */
export function validateEphemeralContainers(object: KubeObject, before: KubeObject): StatusCause[] {
  const { spec } = object as CoreV1Pod
  const containers = spec.ephemeralContainers ?? []
  const others = new Set([...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name))
  const seen = new Set(others)
  const causes = containers.flatMap(({ name, targetContainerName = '' }, index) => {
    const isTwice = seen.has(name)
    seen.add(name)
    return [
      ...(isTwice ? [duplicate(`${field}[${index}].name`, name)] : []),
      ...(targetContainerName === '' || others.has(targetContainerName)
        ? []
        : [missing(`${field}[${index}].targetContainerName`, targetContainerName)]),
    ]
  })
  for (const known of (before as CoreV1Pod).spec.ephemeralContainers ?? []) {
    const now = containers.find(({ name }) => name === known.name)
    if (now === undefined) causes.push(forbiddenField(field, `existing ephemeral containers "${known.name}" may not be removed`))
    else if (!isDeepStrictEqual(now, known))
      causes.push(forbiddenField(field, `existing ephemeral containers "${known.name}" may not be changed`))
  }
  return causes
}
