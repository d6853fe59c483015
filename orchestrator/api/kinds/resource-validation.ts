import { forbiddenField, invalidValue } from '../field-errors.ts'
import type { CoreV1ResourceRequirements } from '../generated/kinds.ts'
import { checkQualifiedName } from '../names.ts'
import { compareQuantities, formatQuantity, parseQuantity, tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'

const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage'])
export const notNegative = 'must be greater than or equal to 0'

/** Whether the name is Kubernetes' own: without a domain, or in a `kubernetes.io` one. */
const isNative = (name: string) => !name.includes('/') || name.split('/')[0]!.endsWith('kubernetes.io')
const isHugePage = (name: string) => name.startsWith('hugepages-')
const canOvercommit = (name: string) => isNative(name) && !isHugePage(name)

function checkContainerResourceName(name: string): readonly string[] {
  const messages = checkQualifiedName(name)
  if (messages.length > 0) return messages
  return name.includes('/') || containerResources.has(name) || isHugePage(name) ? [] : ['must be a standard resource for containers']
}

/** Limits and requests of a container: known names, amounts not negative, no request above its limit. */
export function validateResources(resources: CoreV1ResourceRequirements | undefined, field: string): StatusCause[] {
  if (resources === undefined) return []
  const { limits = {}, requests = {} } = resources
  return [
    ...validateAmounts(limits, `${field}.limits`, checkContainerResourceName),
    ...validateAmounts(requests, `${field}.requests`, checkContainerResourceName),
    ...Object.keys(requests).flatMap((name) => validateRequest(name, { limits, requests, field })),
    ...Object.keys(limits).flatMap((name) =>
      !canOvercommit(name) && requests[name] === undefined
        ? [forbiddenField(`${field}.limits`, `Limit must be set for non overcommitable resources`)]
        : [],
    ),
  ]
}

interface Sides {
  readonly limits: Readonly<Record<string, string>>
  readonly requests: Readonly<Record<string, string>>
  readonly field: string
}

function validateRequest(name: string, { limits, requests, field }: Sides): StatusCause[] {
  if (limits[name] === undefined) return []
  const request = tryParseQuantity(requests[name]!)
  const limit = tryParseQuantity(limits[name])
  if (request === undefined || limit === undefined) return []
  const order = compareQuantities(request, limit)
  if (order !== 0 && !canOvercommit(name))
    return [invalidValue(`${field}.requests`, formatQuantity(request), `must be equal to ${name} limit of ${formatQuantity(limit)}`)]
  return order > 0
    ? [
        invalidValue(
          `${field}.requests`,
          formatQuantity(request),
          `must be less than or equal to ${name} limit of ${formatQuantity(limit)}`,
        ),
      ]
    : []
}

/** Named amounts: each name by `checkName`, each amount a quantity that is not negative. */
export function validateAmounts(
  amounts: Readonly<Record<string, string>>,
  field: string,
  checkName: (name: string) => readonly string[],
): StatusCause[] {
  return Object.entries(amounts).flatMap(([name, amount]) => [
    ...checkName(name).map((message) => invalidValue(`${field}[${name}]`, name, message)),
    ...(isNegativeAmount(amount) ? [invalidValue(`${field}[${name}]`, amount, notNegative)] : []),
  ])
}

/** Whether an amount is below zero. */
export function isNegativeAmount(amount: string): boolean {
  return amount.startsWith('-') && parseQuantity(amount).nanos < 0n
}
