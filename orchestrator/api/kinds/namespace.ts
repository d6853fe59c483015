import { CoreV1Namespace } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateFinalizers } from '../validation.ts'

/** The label by which selectors find a namespace by name. */
const nameLabel = 'kubernetes.io/metadata.name'
const finalizer = 'kubernetes'

export const namespace: KindPart<CoreV1Namespace> = {
  kind: CoreV1Namespace,
  nameRule: 'label',
  setDefaults({ metadata }) {
    if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name }
  },
  validate: ({ spec }) => validateFinalizers(spec.finalizers ?? [], 'spec.finalizers', 'spec.finalizers'),
  prepareForCreate(object) {
    const finalizers = object.spec.finalizers ?? []
    object.spec.finalizers = finalizers.includes(finalizer) ? finalizers : [...finalizers, finalizer]
    object.status = { phase: 'Active' }
  },
  prepareForUpdate(object, previous) {
    object.spec = previous.spec
  },
  columns: [nameColumn, textColumn('Status'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', object.status?.phase ?? '', ageCell(object, now)],
  selectableFields: { name: ({ metadata }) => metadata.name ?? '', 'status.phase': ({ status }) => status?.phase ?? '' },
}
