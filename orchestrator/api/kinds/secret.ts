import { invalidValue, required, tooLong } from '../field-errors.ts'
import { CoreV1Secret } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { immutable } from '../validation.ts'
import { bytesOfBase64, countOf, maxBytes, validateKeys, validateSealed } from './keyed-data.ts'

/** Keys that a secret of a type must have. */
const requiredKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/dockercfg', ['.dockercfg']],
])
/** Keys whose values are JSON objects. */
const configKeys: ReadonlyMap<string, string> = new Map([
  ['kubernetes.io/dockerconfigjson', '.dockerconfigjson'],
  ['kubernetes.io/dockercfg', '.dockercfg'],
])

/** Says that a value is no JSON object, and nothing of the value. */
function checkConfig(encoded: string, field: string): StatusCause[] {
  const refuse = (why: string) => [invalidValue(field, '<secret contents redacted>', why)]
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  if (text === '') return refuse('unexpected end of JSON input')
  try {
    const value: unknown = JSON.parse(text)
    return value === null || (typeof value === 'object' && !Array.isArray(value)) ? [] : refuse('must be a JSON object')
  } catch {
    return refuse('must be valid JSON')
  }
}

export const secret: KindPart<CoreV1Secret> = {
  kind: CoreV1Secret,
  setDefaults(object) {
    object.type ||= 'Opaque'
    if (object.stringData === undefined) return
    const encoded = Object.entries(object.stringData).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')])
    object.data = { ...object.data, ...Object.fromEntries(encoded) }
    delete object.stringData
  },
  validate({ data = {}, type = '', metadata }) {
    const config = configKeys.get(type)
    const bytes = Object.values(data).reduce((sum, text) => sum + bytesOfBase64(text), 0)
    const isToken = type === 'kubernetes.io/service-account-token'
    const account = 'kubernetes.io/service-account.name'
    return [
      ...validateKeys(data, 'data'),
      ...(bytes > maxBytes ? [tooLong('data', maxBytes)] : []),
      ...(requiredKeys.get(type) ?? []).filter((key) => data[key] === undefined).map((key) => required(`data[${key}]`)),
      ...(type === 'kubernetes.io/ssh-auth' && !data['ssh-privatekey'] ? [required('data[ssh-privatekey]')] : []),
      ...(type === 'kubernetes.io/basic-auth' && data['username'] === undefined && data['password'] === undefined
        ? [required('data[username]'), required('data[password]')]
        : []),
      ...(config !== undefined && data[config] !== undefined ? checkConfig(data[config], `data[${config}]`) : []),
      ...(isToken && !metadata.annotations?.[account] ? [required(`metadata.annotations[${account}]`)] : []),
    ]
  },
  validateUpdate: (object, previous) => [
    ...(object.type === previous.type ? [] : [immutable('type', object.type)]),
    ...validateSealed(object, previous),
  ],
  columns: [nameColumn, textColumn('Type'), integerColumn('Data'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', object.type ?? '', countOf(object.data), ageCell(object, now)],
  selectableFields: { type: ({ type }) => type ?? '' },
}
