import type { CoreV1PodSpec } from '../generated/kinds.ts'
import { compareQuantities, tryParseQuantity } from '../quantity.ts'

/** How a pod ranks when its node runs out: guaranteed with requests equal to limits everywhere, best effort without any, else burstable. */
export function qosClassOf(spec: CoreV1PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
  let isBestEffort = true
  let isGuaranteed = true
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory']) {
      const request = resources?.requests?.[name] === undefined ? undefined : tryParseQuantity(resources.requests[name])
      const limit = resources?.limits?.[name] === undefined ? undefined : tryParseQuantity(resources.limits[name])
      if ((request?.nanos ?? 0n) > 0n || (limit?.nanos ?? 0n) > 0n) isBestEffort = false
      if (limit === undefined || limit.nanos === 0n || (request !== undefined && compareQuantities(request, limit) !== 0)) isGuaranteed = false
    }
  }
  if (isBestEffort) return 'BestEffort'
  return isGuaranteed ? 'Guaranteed' : 'Burstable'
}
