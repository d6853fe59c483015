import type { CoreV1PodSpec } from '../generated/kinds.ts'
import { tryParseQuantity } from '../quantity.ts'

const nanosOf = (text: string | undefined): bigint => (text === undefined ? undefined : tryParseQuantity(text))?.nanos ?? 0n

/** How a pod ranks when its node runs out: guaranteed with requests equal to limits everywhere, best effort without any, else burstable. */
export function qosClassOf(spec: CoreV1PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
  let isBestEffort = true
  let isGuaranteed = true
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory']) {
      const limit = nanosOf(resources?.limits?.[name])
      const request = resources?.requests?.[name] === undefined ? limit : nanosOf(resources.requests[name])
      if (request > 0n || limit > 0n) isBestEffort = false
      if (limit === 0n || request !== limit) isGuaranteed = false
    }
  }
  if (isBestEffort) return 'BestEffort'
  return isGuaranteed ? 'Guaranteed' : 'Burstable'
}
