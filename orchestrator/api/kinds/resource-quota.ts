import { CoreV1ResourceQuota } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkQualifiedName } from '../names.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateAmounts } from './resource-validation.ts'

const quotaText = (prefix: (name: string) => boolean, { spec, status }: CoreV1ResourceQuota) =>
  Object.keys(status?.hard ?? spec.hard ?? {})
    .filter(prefix)
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name] ?? spec.hard?.[name]}`)
    .join(', ')

export const resourceQuota: KindPart<CoreV1ResourceQuota> = {
  kind: CoreV1ResourceQuota,
  validate: ({ spec }) => validateAmounts(spec.hard ?? {}, 'spec.hard', checkQualifiedName),
  columns: [nameColumn, textColumn('Request'), textColumn('Limit'), ageColumn],
  cells: (object, now) => [
    object.metadata.name ?? '',
    quotaText((name) => !name.startsWith('limits.'), object),
    quotaText((name) => name.startsWith('limits.'), object),
    ageCell(object, now),
  ],
}
