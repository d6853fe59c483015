/** What a method and a path mean. */
export interface RequestInfo {
  readonly method: string
  readonly path: string
  /** In RBAC's words for resources (`get`, `list`, …); the lower-case method otherwise. */
  readonly verb: string
  readonly isResource: boolean
  /** '' for the core group; meaningful for resources, as the following. */
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly name: string
  readonly subresource: string
  /** What follows the subresource, for proxies, with its leading slash; '' when nothing does. */
  readonly rest: string
}

const noResource = { isResource: false, group: '', version: '', namespace: '', resource: '', name: '', subresource: '', rest: '' }
/** Second path segments after a namespace's name that belong to the namespace itself. */
const namespaceSubresources = new Set(['status', 'finalize'])
/** Only these subresources have a path of their own below them. */
const proxySubresources = new Set(['proxy'])

/** Reads a percent-encoded path without query. Malformed encodings give `undefined`. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo | undefined {
  const raw = path.split('/')
  const prefix = raw[1]
  const plain = { ...noResource, method, path, verb: method.toLowerCase() }
  const start = prefix === 'api' ? 3 : prefix === 'apis' ? 4 : undefined
  if (start === undefined || raw.length <= start || raw[start] === '') return plain
  const segments = decodeSegments(raw)
  if (segments === undefined) return undefined
  const group = prefix === 'api' ? '' : segments[2]!
  const version = segments[start - 1]!
  const isWatchPath = segments[start] === 'watch' && segments.length > start + 1
  const place = locate(segments.slice(isWatchPath ? start + 1 : start), raw.slice(isWatchPath ? start + 1 : start))
  const isWatch = isWatchPath || isTrue(query.get('watch'))
  const verb = resourceVerb(method, place.name !== '', isWatch && place.subresource === '')
  const name = place.name === '' && collectionVerbs.has(verb) ? nameOfSelector(query) : place.name
  return { method, path, isResource: true, group, version, verb, ...place, name }
}

function decodeSegments(raw: readonly string[]): string[] | undefined {
  try {
    return raw.map((segment) => (segment.includes('%') ? decodeURIComponent(segment) : segment))
  } catch {
    return undefined
  }
}

/** Splits what follows the version: `[namespaces, ns,] resource [, name [, subresource [, rest…]]]`. */
function locate(
  parts: readonly string[],
  raw: readonly string[],
): Pick<RequestInfo, 'namespace' | 'resource' | 'name' | 'subresource' | 'rest'> {
  let offset = 0
  let namespace = ''
  if (parts[0] === 'namespaces' && parts.length > 1 && parts[1] !== '') {
    namespace = parts[1]!
    if (parts.length > 2 && parts[2] !== '' && !namespaceSubresources.has(parts[2]!)) offset = 2
  }
  const [resource = '', name = '', subresource = ''] = parts.slice(offset)
  const rest = raw.slice(offset + 3)
  const hasRest = rest.length > 0 && proxySubresources.has(subresource)
  return {
    namespace,
    resource,
    name,
    subresource: hasRest || rest.length === 0 || rest[0] === '' ? subresource : `${subresource}/${rest.join('/')}`,
    rest: hasRest ? `/${rest.join('/')}` : '',
  }
}

const collectionVerbs = new Set(['list', 'watch', 'deletecollection'])

function resourceVerb(method: string, hasName: boolean, isWatch: boolean): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return isWatch ? 'watch' : hasName ? 'get' : 'list'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return hasName ? 'delete' : 'deletecollection'
    default:
      return ''
  }
}

/** A list that a field selector narrows to one name counts as a request for that name, so that roles with resourceNames fit. */
function nameOfSelector(query: URLSearchParams): string {
  const selector = query.get('fieldSelector')
  return (selector !== null && /(?:^|,)metadata\.name==?([^,=!\\]+)/.exec(selector)?.[1]) || ''
}

/** A query flag as upstream reads it: anything that is there and neither `false` nor `0` is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}
