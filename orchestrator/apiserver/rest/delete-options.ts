import { badRequest, invalid } from '../../api/status-error.ts'
import type { ApiRequest } from '../request.ts'
import { decodeBody } from './decode.ts'
import type { DeleteOptions } from './delete.ts'
import type { PropagationPolicy } from './finalizers.ts'
import { isTrue } from './request-info.ts'

const expected = { group: '', version: 'v1', kind: 'DeleteOptions', definition: 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions' }
const policies: readonly string[] = ['Orphan', 'Background', 'Foreground']

interface WireOptions extends DeleteOptions {
  readonly orphanDependents?: boolean
  readonly dryRun?: readonly string[]
}

/** The options of a DELETE: its body, or its query where there is no body. Throws 422 for values that are not allowed. */
export function parseDeleteOptions(request: ApiRequest): DeleteOptions & { readonly isDryRun: boolean } {
  const given = request.body === undefined ? fromQuery(request.query) : fromBody(request)
  const { propagationPolicy, orphanDependents, gracePeriodSeconds, preconditions } = given
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    throw refuse('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set')
  }
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy)) {
    const cause = {
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(propagationPolicy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      field: 'propagationPolicy',
    }
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [cause])
  }
  const policy: PropagationPolicy | undefined =
    orphanDependents === undefined ? propagationPolicy : orphanDependents ? 'Orphan' : 'Background'
  return {
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(preconditions === undefined ? {} : { preconditions }),
    isDryRun: isDryRun(request, given.dryRun),
  }
}

function refuse(field: string, value: unknown, why: string) {
  return invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
    { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}`, field },
  ])
}

/** A body may also be named in the version of the group it is sent to, as older clients do. */
function fromBody(request: ApiRequest): WireOptions {
  return decodeBody<WireOptions>(request, expected)
}

function fromQuery(query: URLSearchParams): WireOptions {
  const grace = query.get('gracePeriodSeconds')
  if (grace !== null && !/^-?\d{1,15}$/.test(grace))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax (query parameter gracePeriodSeconds)`)
  const policy = query.get('propagationPolicy')
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy as PropagationPolicy }),
    ...(query.has('orphanDependents') ? { orphanDependents: isTrue(query.get('orphanDependents')) } : {}),
  }
}

/** Whether the request is to change nothing. Only `All` is a value of `dryRun`. */
export function isDryRun({ query }: Pick<ApiRequest, 'query'>, inBody: readonly string[] = []): boolean {
  const values = [...query.getAll('dryRun'), ...inBody].filter((value) => value !== '')
  const bad = values.find((value) => value !== 'All')
  if (bad !== undefined) {
    const cause = {
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(bad)}: supported values: "All"`,
      field: 'dryRun',
    }
    throw invalid({ group: 'meta.k8s.io', kind: 'WriteOptions' }, '', [cause])
  }
  return values.length > 0
}
