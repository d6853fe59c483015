import { duplicate, forbiddenField, invalidValue, required } from '../field-errors.ts'
import { causesOf, partial } from '../field-rules.ts'
import { CoreV1LimitRange, type CoreV1LimitRangeItem } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkQualifiedName } from '../names.ts'
import { compareQuantities, milliValueOf, tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { nameColumn } from '../table-cells.ts'
import { checkContainerResourceName, checkResourceName } from './resource-validation.ts'

type Amounts = Readonly<Record<string, string>>

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

const limitTypes = ['Container', 'PersistentVolumeClaim', 'Pod']

function checkType(type: string): readonly string[] {
  const messages = checkQualifiedName(type)
  return messages.length > 0 || type.includes('/') || limitTypes.includes(type)
    ? messages
    : ['must be a standard limit type or fully qualified']
}

function validateItem(item: CoreV1LimitRangeItem, path: string): StatusCause[] {
  const { type = '', min = {}, max = {}, default: limits = {}, defaultRequest: requests = {}, maxLimitRequestRatio = {} } = partial(item)
  const isPod = type === 'Pod'
  const check = isPod || type === 'Container' ? checkContainerResourceName : checkResourceName
  const causes = causesOf(checkType, type, `${path}.type`)
  const defaults = Object.entries({ default: limits, defaultRequest: requests })
  if (isPod)
    for (const [name, amounts] of defaults)
      if (Object.keys(amounts).length > 0) causes.push(forbiddenField(`${path}.${name}`, "may not be specified when `type` is 'Pod'"))
  const lists = { max, min, ...(isPod ? {} : Object.fromEntries(defaults)), maxLimitRequestRatio }
  for (const [list, amounts] of Object.entries(lists))
    for (const name of Object.keys(amounts)) causes.push(...causesOf(check, name, `${path}.${list}[${name}]`))
  if (type === 'PersistentVolumeClaim' && min['storage'] === undefined && max['storage'] === undefined)
    causes.push(required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'))
  const names = new Set(Object.values(lists).flatMap((amounts) => Object.keys(amounts)))
  const [low, high] = isPod ? [{}, {}] : [requests, limits]
  for (const name of names) causes.push(...validateOrder(name, { path, min, max, low, high }), ...validateRatio(name, item, path))
  return causes
}

interface Bounds {
  readonly path: string
  readonly min: Amounts
  readonly max: Amounts
  /** What containers are given that ask for nothing, and that have no limit. */
  readonly low: Amounts
  readonly high: Amounts
}

const words = { min: 'min', max: 'max', low: 'default request', high: 'default' } as const

/** Each amount must fit between the others. `field` is what upstream blames, `printed` what it prints. */
function validateOrder(name: string, bounds: Bounds): StatusCause[] {
  const order = (
    [lower, upper]: readonly ['min' | 'low' | 'high', 'low' | 'high' | 'max'],
    { field, printed, what = words[upper] }: { readonly field: string; readonly printed: 'lower' | 'upper'; readonly what?: string },
  ) => {
    const [below, above] = [bounds[lower][name], bounds[upper][name]]
    if (below === undefined || above === undefined || compareTexts(below, above) <= 0) return []
    const text = `${words[lower]} value ${below} is greater than ${what} value ${above}`
    return [invalidValue(`${bounds.path}.${field}[${name}]`, printed === 'lower' ? below : above, text)]
  }
  const { low, high } = bounds
  const mustMatch = name.includes('/') || name.startsWith('hugepages-')
  const differs = low[name] !== undefined && high[name] !== undefined && compareTexts(low[name], high[name]) !== 0
  return [
    ...order(['min', 'max'], { field: 'min', printed: 'lower' }),
    ...order(['min', 'low'], { field: 'defaultRequest', printed: 'upper' }),
    ...order(['low', 'max'], { field: 'defaultRequest', printed: 'lower' }),
    ...order(['low', 'high'], { field: 'defaultRequest', printed: 'lower', what: 'default limit' }),
    ...order(['min', 'high'], { field: 'default', printed: 'lower' }),
    ...order(['high', 'max'], { field: 'default', printed: 'upper' }),
    ...(mustMatch && differs
      ? [
          invalidValue(
            `${bounds.path}.defaultRequest[${name}]`,
            low[name],
            `default value ${high[name]} must equal to defaultRequest value ${low[name]} in ${name}`,
          ),
        ]
      : []),
  ]
}

function compareTexts(a: string, b: string): number {
  const [first, second] = [tryParseQuantity(a), tryParseQuantity(b)]
  return first === undefined || second === undefined ? 0 : compareQuantities(first, second)
}

/** How much more than asked for may be used: not less than once, and no more than the bounds let it be. */
function validateRatio(name: string, { min, max, maxLimitRequestRatio }: CoreV1LimitRangeItem, path: string): StatusCause[] {
  const ratio = maxLimitRequestRatio?.[name]
  if (ratio === undefined) return []
  const field = `${path}.maxLimitRequestRatio[${name}]`
  const milli = milliValueOf(ratio)
  const causes = milli < 1000 ? [invalidValue(field, ratio, `ratio ${ratio} is less than 1`)] : []
  if (min?.[name] === undefined || max?.[name] === undefined) return causes
  const bound = milliValueOf(max[name]) / milliValueOf(min[name])
  return milli / 1000 > bound
    ? [...causes, invalidValue(field, ratio, `ratio ${ratio} is greater than max/min = ${bound.toFixed(6)}`)]
    : causes
}
