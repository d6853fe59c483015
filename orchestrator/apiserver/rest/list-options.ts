import { expired, invalid, timeout, badRequest } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import type { Core } from './core.ts'

/** Where in the history a LIST or WATCH is to be answered, as the client put it. */
export interface ListOptions {
  readonly limit: number
  readonly continueToken: string
  readonly resourceVersion: string
  readonly resourceVersionMatch: string
}

/** A page's place: the revision that all pages share (-1: whatever is current) and the last key of the page before. */
export interface Position {
  readonly revision: number
  readonly startAfter: string
}

/** How long a request for a revision that is yet to come waits for it. */
const freshnessWaitMs = 3_000
const freshnessPollMs = 50

/** The options of a query; throws upstream's 422 for combinations that make no sense. */
export function parseListOptions(query: URLSearchParams, isWatch: boolean): ListOptions {
  const options: ListOptions = {
    limit: integerOf(query, 'limit'),
    continueToken: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
  }
  const problem = isWatch ? watchProblem(options, query) : listProblem(options, query)
  if (problem !== undefined) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [problem])
  return options
}

function integerOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? ''
  if (text === '') return 0
  if (!/^-?\d{1,18}$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax (query parameter ${name})`)
  return Number(text)
}

const forbidden = (field: string, message: string) => ({ reason: 'FieldValueForbidden', message: `Forbidden: ${message}`, field })
const invalidValue = (field: string, value: string, message: string) => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${message}`,
  field,
})

function listProblem(options: ListOptions, query: URLSearchParams) {
  const { resourceVersion, resourceVersionMatch, continueToken } = options
  if (query.has('sendInitialEvents')) return forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  if (resourceVersion !== '' && !/^\d+$/.test(resourceVersion))
    return invalidValue('resourceVersion', resourceVersion, 'strconv.ParseUint: invalid syntax')
  if (resourceVersionMatch === '') return undefined
  if (resourceVersion === '')
    return forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')
  if (continueToken !== '') return forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided')
  if (resourceVersionMatch !== 'Exact' && resourceVersionMatch !== 'NotOlderThan') {
    return {
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(resourceVersionMatch)}: supported values: "Exact", "NotOlderThan"`,
      field: 'resourceVersionMatch',
    }
  }
  if (resourceVersionMatch === 'Exact' && resourceVersion === '0')
    return forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  return undefined
}

function watchProblem({ resourceVersion, resourceVersionMatch, continueToken }: ListOptions, query: URLSearchParams) {
  if (resourceVersion !== '' && !/^\d+$/.test(resourceVersion))
    return invalidValue('resourceVersion', resourceVersion, 'strconv.ParseUint: invalid syntax')
  if (continueToken !== '') return forbidden('continue', 'continue is forbidden for watch')
  if (query.has('sendInitialEvents')) {
    if (resourceVersionMatch !== 'NotOlderThan')
      return forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
    return undefined
  }
  if (resourceVersionMatch !== '')
    return forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  return undefined
}

/** The token that the next page is asked for with. */
export function encodeContinue({ revision, startAfter }: Position): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: startAfter })).toString('base64url')
}

/** Reads a token under a prefix. Throws a BadRequest for one that we did not make. */
export function decodeContinue(token: string, prefix: string): Position {
  const invalidToken = (why: string) => badRequest(`continue key is not valid: ${why}`)
  let parsed: { v?: unknown; rv?: unknown; start?: unknown }
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString()) as typeof parsed
  } catch (error) {
    throw invalidToken((error as Error).message)
  }
  const { v, rv, start } = parsed ?? {}
  if (v !== 'meta.k8s.io/v1') throw invalidToken(`server does not recognize this encoded version ${JSON.stringify(v)}`)
  if (typeof rv !== 'number' || !Number.isInteger(rv) || typeof start !== 'string' || !start.startsWith(prefix))
    throw invalidToken('incorrect encoded start resourceVersion or key')
  return { revision: rv, startAfter: start }
}

/** Upstream's 410 for a page whose revision is forgotten, with a token that goes on at the present state. */
export function continueExpired(startAfter: string) {
  const error = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  )
  Object.assign(error.status.metadata, { continue: encodeContinue({ revision: -1, startAfter }) })
  return error
}

/** Resolves when the store has reached `revision`; upstream's 504 when it does not soon. */
export async function waitForRevision(core: Pick<Core, 'clock'> & { readonly store: Store }, revision: number): Promise<void> {
  const { store, clock } = core
  for (let waitedMs = 0; store.revision < revision; waitedMs += freshnessPollMs) {
    if (waitedMs >= freshnessWaitMs) {
      throw timeout(`Too large resource version: ${revision}, current: ${store.revision}`, 1, [
        { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' },
      ])
    }
    await clock.sleep(freshnessPollMs)
  }
}
