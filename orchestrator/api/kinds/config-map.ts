import { invalidValue, tooLong } from '../field-errors.ts'
import { CoreV1ConfigMap } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { ageCell, ageColumn, integerColumn, nameColumn } from '../table-cells.ts'
import { bytesOfBase64, countOf, maxBytes, validateKeys, validateSealed } from './keyed-data.ts'

export const configMap: KindPart<CoreV1ConfigMap> = {
  kind: CoreV1ConfigMap,
  validate({ data = {}, binaryData = {} }) {
    const bytes =
      Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
      Object.values(binaryData).reduce((sum, text) => sum + bytesOfBase64(text), 0)
    const repeated = Object.keys(data).filter((key) => Object.hasOwn(binaryData, key))
    return [
      ...validateKeys(data, 'data'),
      ...repeated.map((key) => invalidValue(`data[${key}]`, data[key], 'duplicate of key present in binaryData')),
      ...validateKeys(binaryData, 'binaryData'),
      ...(bytes > maxBytes ? [tooLong('[]', maxBytes)] : []),
    ]
  },
  validateUpdate: validateSealed,
  columns: [nameColumn, integerColumn('Data'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', countOf(object.data) + countOf(object.binaryData), ageCell(object, now)],
}
