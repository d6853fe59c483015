import { duplicate, forbiddenField, invalidValue, required } from '../field-errors.ts'
import { CoreV1LimitRange, type CoreV1LimitRangeItem } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkQualifiedName } from '../names.ts'
import { compareQuantities, tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { nameColumn } from '../table-cells.ts'
import { validateAmounts } from './resource-validation.ts'

type Amounts = Readonly<Record<string, string>> | undefined

export const limitRange: KindPart<CoreV1LimitRange> = {
  kind: CoreV1LimitRange,
  createsOnUpdate: true,
  setDefaults({ spec }) {
    for (const item of spec.limits ?? []) if (item.type === 'Container') setItemDefaults(item)
  },
  validate: ({ spec }) => {
    const types = new Set<string>()
    return (spec.limits ?? []).flatMap((item, index) => {
      const path = `spec.limits[${index}]`
      const repeated = types.has(item.type)
      types.add(item.type)
      return [...(repeated ? [duplicate(`${path}.type`, item.type)] : []), ...validateItem(item, path)]
    })
  },
  columns: [nameColumn, { name: 'Created At', type: 'date' }],
  cells: ({ metadata }) => [metadata.name ?? '', metadata.creationTimestamp ?? ''],
}

/** A limit that isn't given is the maximum; a request that isn't given is the limit, or else the minimum. */
function setItemDefaults(item: CoreV1LimitRangeItem): void {
  const limits = { ...item.max, ...item.default }
  const requests = { ...item.min, ...limits, ...item.defaultRequest }
  if (Object.keys(limits).length > 0) item.default = limits
  if (Object.keys(requests).length > 0) item.defaultRequest = requests
}

function validateItem(item: CoreV1LimitRangeItem, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (!item.type) causes.push(required(`${path}.type`))
  for (const field of ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const)
    causes.push(...validateAmounts(item[field] ?? {}, `${path}.${field}`, checkQualifiedName))
  if (item.type === 'Pod')
    for (const field of ['default', 'defaultRequest'] as const)
      if (Object.keys(item[field] ?? {}).length > 0)
        causes.push(forbiddenField(`${path}.${field}`, "may not be specified when `type` is 'Pod'"))
  causes.push(...validateOrder(item.min, item.max, { field: `${path}.min`, low: 'min', high: 'max' }))
  causes.push(...validateOrder(item.min, item.defaultRequest, { field: `${path}.defaultRequest`, low: 'min', high: 'default request' }))
  causes.push(...validateOrder(item.defaultRequest, item.max, { field: `${path}.defaultRequest`, low: 'default request', high: 'max' }))
  causes.push(
    ...validateOrder(item.defaultRequest, item.default, { field: `${path}.defaultRequest`, low: 'default request', high: 'default limit' }),
  )
  causes.push(...validateOrder(item.default, item.max, { field: `${path}.default`, low: 'default', high: 'max' }))
  return causes
}

function validateOrder(
  lower: Amounts,
  upper: Amounts,
  { field, low, high }: { readonly field: string; readonly low: string; readonly high: string },
): StatusCause[] {
  return Object.entries(lower ?? {}).flatMap(([name, text]) => {
    const [a, b] = [tryParseQuantity(text), upper?.[name] === undefined ? undefined : tryParseQuantity(upper[name])]
    if (a === undefined || b === undefined || compareQuantities(a, b) <= 0) return []
    return [invalidValue(`${field}[${name}]`, text, `${low} value ${text} is greater than ${high} value ${upper![name]}`)]
  })
}
