import type { Container } from '../container.ts'
import { containerFamilies } from './container-families.ts'
import type { FamilyContext } from './container-families.ts'
import type { Exposition } from './exposition.ts'
import { formatLabels } from './exposition.ts'

/** The labels that every series of a container has: a fixed set, whatever labels containers carry. Empty where unknown. */
function containerLabels({ description }: Container): string {
  const { name, id, aliases, image, pod } = description
  return formatLabels({
    container: pod?.container ?? '',
    id: name,
    image,
    name: id === '' ? '' : (aliases[0] ?? ''),
    namespace: pod?.namespace ?? '',
    pod: pod?.name ?? '',
  })
}

/** Writes every family of every container that has a sample. */
export function renderContainers(
  text: Exposition,
  containers: readonly Container[],
  context: FamilyContext,
  withTimestamps: boolean,
): void {
  const rows = containers
    .filter(({ ring }) => ring.count > 0)
    .map((container) => ({
      container,
      labels: containerLabels(container),
      timestampMs: withTimestamps ? container.ring.timestamp() : undefined,
    }))
  for (const family of containerFamilies) {
    text.family(family)
    for (const { container, labels, timestampMs } of rows) {
      if (family.when?.(container) === false) continue
      family.values(container, (extra, value) => text.sample(extra === '' ? labels : `${labels},${extra}`, value, timestampMs), context)
    }
  }
}
