/** Time over which upstream smooths the load of a container. */
const smoothingMs = 10_000

/** A load average after a further reading: the new count weighs the more the longer the last one is ago. `NaN` before the first. */
export function smoothLoad(average: number, count: number, elapsedMs: number): number {
  if (Number.isNaN(average)) return count
  const weight = Math.exp(-elapsedMs / smoothingMs)
  return average * weight + count * (1 - weight)
}
