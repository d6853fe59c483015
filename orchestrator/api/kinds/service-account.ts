import { CoreV1ServiceAccount } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, integerColumn, nameColumn } from '../table-cells.ts'

export const serviceAccount: KindPart<CoreV1ServiceAccount> = {
  kind: CoreV1ServiceAccount,
  columns: [nameColumn, integerColumn('Secrets'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', object.secrets?.length ?? 0, ageCell(object, now)],
}
