import { CoreV1ResourceQuota, type CoreV1ResourceQuotaSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { validateQuota } from './quota-validation.ts'

const quotaText = (prefix: (name: string) => boolean, { spec, status }: CoreV1ResourceQuota) =>
  Object.keys(status?.hard ?? spec.hard ?? {})
    .filter(prefix)
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name] ?? spec.hard?.[name]}`)
    .join(', ')

export const resourceQuota: KindPart<CoreV1ResourceQuota> = {
  kind: CoreV1ResourceQuota,
  validate: ({ spec }) => validateQuota(spec),
  validateUpdate: ({ spec }, { spec: before }) => {
    const sorted = ({ scopes = [] }: CoreV1ResourceQuotaSpec) => [...new Set(scopes)].sort()
    return validateImmutable('spec.scopes', sorted(spec), sorted(before))
  },
  columns: [nameColumn, textColumn('Request'), textColumn('Limit'), ageColumn],
  cells: (object, now) => [
    object.metadata.name ?? '',
    quotaText((name) => !name.startsWith('limits.'), object),
    quotaText((name) => name.startsWith('limits.'), object),
    ageCell(object, now),
  ],
}
