import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { causesOf, notNegative } from '../field-rules.ts'
import type { CoreV1Container, CoreV1PodSpec, CoreV1ResourceClaim, CoreV1ResourceRequirements } from '../generated/kinds.ts'
import { checkLabel, checkQualifiedName } from '../names.ts'
import { addQuantities, compareQuantities, formatQuantity, tryParseQuantity, type Quantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'

type Amounts = Readonly<Record<string, string>>
type CheckName = (name: string) => readonly string[]

const computeResources = ['cpu', 'memory', 'ephemeral-storage']
const countedObjects = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]
/** What a quota can limit under a plain name. */
const quotaResources: ReadonlySet<string> = new Set([
  ...['', 'requests.', 'limits.'].flatMap((prefix) => computeResources.map((name) => `${prefix}${name}`)),
  'requests.storage',
  ...countedObjects,
])
const countedNames = new Set(countedObjects)

/** Whether the name is Kubernetes' own: without a domain, or in its domain. */
const isNative = (name: string) => !name.includes('/') || name.includes('kubernetes.io/')
const isHugePage = (name: string) => name.startsWith('hugepages-')
const isQuotaHugePage = (name: string) => isHugePage(name) || name.startsWith('requests.hugepages-')
const canOvercommit = (name: string) => isNative(name) && !isHugePage(name)
/** Whether the name is of something that others add to nodes, such as devices. */
const isExtended = (name: string) => !isNative(name) && !name.startsWith('requests.') && checkQualifiedName(`requests.${name}`).length === 0

/** A name of anything that has an amount: of a known resource, or with a domain. */
export function checkResourceName(name: string): readonly string[] {
  const messages = checkQualifiedName(name)
  if (messages.length > 0 || name.includes('/')) return messages
  const isKnown = quotaResources.has(name) || name === 'storage' || isQuotaHugePage(name)
  return isKnown ? [] : ['must be a standard resource type or fully qualified']
}

/** A name of what a container can ask for. */
export function checkContainerResourceName(name: string): readonly string[] {
  const messages = checkResourceName(name)
  if (!name.includes('/'))
    return computeResources.includes(name) || isHugePage(name) ? messages : [...messages, 'must be a standard resource for containers']
  return isNative(name) || isExtended(name) ? messages : [...messages, "doesn't follow extended resource name standard"]
}

/** Whether a quota can limit something under this name of Kubernetes' own. */
export const isQuotaResource = (name: string) => quotaResources.has(name) || isQuotaHugePage(name)

/** A name of what a quota can limit. */
export function checkQuotaResourceName(name: string): readonly string[] {
  const messages = checkResourceName(name)
  return name.includes('/') || isQuotaResource(name) ? messages : [...messages, 'must be a standard resource for quota']
}

/** Named amounts: each name by `checkName`, each amount a quantity that is not negative, and whole where things are counted. */
export function validateAmounts(amounts: Amounts, field: string, checkName: CheckName): StatusCause[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const path = `${field}[${name}]`
    return [...causesOf(checkName, name, path), ...validateAmount(name, amount, path)]
  })
}

/** One amount. */
export function validateAmount(name: string, amount: string, field: string): StatusCause[] {
  const quantity = tryParseQuantity(amount)
  if (quantity === undefined) return []
  const isWhole = quantity.nanos % 1_000_000_000n === 0n
  return [
    ...(quantity.nanos < 0n ? [invalidValue(field, amount, notNegative)] : []),
    ...(!isWhole && (countedNames.has(name) || isExtended(name)) ? [invalidValue(field, amount, 'must be an integer')] : []),
  ]
}

/** An amount that must be more than nothing. */
export function checkPositive(amount: string, field: string): StatusCause[] {
  return (tryParseQuantity(amount)?.nanos ?? 1n) > 0n ? [] : [invalidValue(field, amount, 'must be greater than zero')]
}

const noClaims: ReadonlySet<string> = new Set()

/** Limits and requests of a container: known names, amounts not negative, no request above its limit; claims that its pod has. */
export function validateResources(
  resources: CoreV1ResourceRequirements | undefined,
  field: string,
  claimNames: ReadonlySet<string> = noClaims,
): StatusCause[] {
  return resources === undefined
    ? []
    : [
        ...validateRequirements(resources, field, checkContainerResourceName),
        ...validateClaimNames(resources.claims ?? [], `${field}.claims`, claimNames),
      ]
}

function validateRequirements(
  { limits = {}, requests = {} }: CoreV1ResourceRequirements,
  field: string,
  checkName: CheckName,
): StatusCause[] {
  const names = [...Object.keys(limits), ...Object.keys(requests)]
  return [
    ...validateAmounts(limits, `${field}.limits`, checkName),
    ...validateAmounts(requests, `${field}.requests`, checkName),
    ...Object.keys(requests).flatMap((name) => validateRequest(name, { limits, requests, field })),
    ...validateHugePages(limits, `${field}.limits`),
    ...validateHugePages(requests, `${field}.requests`),
    ...(names.some(isHugePage) && !names.includes('cpu') && !names.includes('memory')
      ? [forbiddenField(field, 'HugePages require cpu or memory')]
      : []),
  ]
}

function validateHugePages(amounts: Amounts, field: string): StatusCause[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    if (!isHugePage(name)) return []
    const [page, quantity] = [tryParseQuantity(name.slice('hugepages-'.length)), tryParseQuantity(amount)]
    const isDivisible =
      page !== undefined && quantity !== undefined && page.nanos > 0n && quantity.nanos >= 0n && quantity.nanos % page.nanos === 0n
    return isDivisible ? [] : [invalidValue(`${field}[${name}]`, amount, `${amount} is not positive integer multiple of ${name}`)]
  })
}

interface Sides {
  readonly limits: Amounts
  readonly requests: Amounts
  readonly field: string
}

function validateRequest(name: string, { limits, requests, field }: Sides): StatusCause[] {
  if (limits[name] === undefined)
    return canOvercommit(name) ? [] : [required(`${field}.limits`, 'Limit must be set for non overcommitable resources')]
  const request = tryParseQuantity(requests[name]!)
  const limit = tryParseQuantity(limits[name])
  if (request === undefined || limit === undefined) return []
  const order = compareQuantities(request, limit)
  const refuse = (how: string) => [
    invalidValue(`${field}.requests`, formatQuantity(request), `must be ${how} ${name} limit of ${formatQuantity(limit)}`),
  ]
  if (order !== 0 && !canOvercommit(name)) return refuse('equal to')
  return order > 0 ? refuse('less than or equal to') : []
}

function validateClaimNames(claims: readonly CoreV1ResourceClaim[], field: string, known: ReadonlySet<string>): StatusCause[] {
  const seen = new Set<string>()
  return claims.flatMap(({ name = '', request = '' }: Partial<CoreV1ResourceClaim>, index) => {
    const path = `${field}[${index}]`
    if (name === '') return [required(path)]
    const key = request === '' ? name : `${name}/${request}`
    const isRepeated = seen.has(name) || seen.has(key) || (request === '' && [...seen].some((other) => other.startsWith(`${name}/`)))
    seen.add(key)
    const choices = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`
    return [
      ...(request === '' ? [] : causesOf(checkLabel, request, `${path}.request`)),
      ...(isRepeated ? [duplicate(path, seen.has(name) ? name : key)] : []),
      ...(known.has(name)
        ? []
        : [
            {
              reason: 'FieldValueNotFound',
              message: `Not found: ${JSON.stringify(name)}: must be one of the names in pod.spec.resourceClaims${choices}`,
              field: path,
            },
          ]),
    ]
  })
}

const podResources = ['cpu', 'memory']
const checkPodResourceName: CheckName = (name) => checkResourceName(name)

/** Amounts of a pod as a whole: of the few things that a pod can share, and not less than its containers have together. */
export function validatePodResources(spec: CoreV1PodSpec, field: string): StatusCause[] {
  const { resources, os } = spec
  if (resources === undefined) return []
  if (os?.name === 'windows') return [forbiddenField(field, 'may not be set for a windows pod')]
  const unknown = (['limits', 'requests'] as const).flatMap((list) =>
    Object.keys(resources[list] ?? {})
      .filter((name) => !podResources.includes(name) && !isHugePage(name) && checkPodResourceName(name).length === 0)
      .map((name) => notSupported(`${field}.${list}[${name}]`, name, podResources)),
  )
  return [
    ...(resources.claims === undefined ? [] : [forbiddenField(`${field}.claims`, 'claims may not be set for Resources at pod-level')]),
    ...validateRequirements(resources, field, checkPodResourceName),
    ...unknown,
    ...validateSums(spec, resources, field),
  ]
}

function validateSums(spec: CoreV1PodSpec, { requests = {}, limits = {} }: CoreV1ResourceRequirements, field: string): StatusCause[] {
  const causes = Object.entries(requests).flatMap(([name, text]) => {
    const [whole, parts] = [tryParseQuantity(text), sumOfRequests(spec, name)]
    return whole === undefined || parts === undefined || compareQuantities(parts, whole) <= 0
      ? []
      : [
          invalidValue(
            `${field}.requests[${name}]`,
            text,
            `must be greater than or equal to aggregate container requests of ${formatQuantity(parts)}`,
          ),
        ]
  })
  const above = (spec.containers ?? []).flatMap(({ resources }, index) =>
    Object.entries(resources?.limits ?? {}).flatMap(([name, text]) => {
      const [part, whole] = [tryParseQuantity(text), limits[name] === undefined ? undefined : tryParseQuantity(limits[name])]
      return part === undefined || whole === undefined || compareQuantities(part, whole) <= 0
        ? []
        : [
            invalidValue(
              `${field}.containers[${index}][${name}].limits`,
              text,
              `must be less than or equal to pod limits of ${formatQuantity(whole)}`,
            ),
          ]
    }),
  )
  return [...causes, ...above]
}

/** What containers ask for together, or an init container while it runs, whatever is more. */
function sumOfRequests({ containers = [], initContainers = [] }: Partial<CoreV1PodSpec>, name: string): Quantity | undefined {
  const request = ({ resources }: CoreV1Container) => tryParseQuantity(resources?.requests?.[name] ?? '')
  const add = (a: Quantity | undefined, b: Quantity | undefined) => (a === undefined ? b : b === undefined ? a : addQuantities(a, b))
  const larger = (a: Quantity | undefined, b: Quantity | undefined) =>
    a === undefined || (b !== undefined && compareQuantities(a, b) < 0) ? b : a
  let staying: Quantity | undefined
  let peak: Quantity | undefined
  for (const container of initContainers) {
    if (container.restartPolicy === 'Always') staying = add(staying, request(container))
    else peak = larger(peak, add(staying, request(container)))
  }
  return larger(containers.map(request).reduce(add, staying), peak)
}
