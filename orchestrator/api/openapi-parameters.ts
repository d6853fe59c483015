/** What a successful answer is called in the documents. */
export const responseText = 'OK'

/** An OpenAPI parameter; v2 has `type` beside the name, v3 inside `schema`. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly type: 'string' | 'boolean' | 'integer'
  readonly required?: true
}

const booleans = new Set([
  'allowWatchBookmarks',
  'watch',
  'sendInitialEvents',
  'force',
  'orphanDependents',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'follow',
  'previous',
  'timestamps',
  'insecureSkipTLSVerifyBackend',
  'stdin',
  'stdout',
  'stderr',
  'tty',
])
const integers = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds', 'limitBytes', 'sinceSeconds', 'tailLines', 'ports'])

/** A named parameter of an operation: in the path if the path has it, else in the query. */
export function parameterOf(name: string, path: string): Parameter {
  const type = booleans.has(name) ? 'boolean' : integers.has(name) ? 'integer' : 'string'
  return path.includes(`{${name}}`) ? { name, in: 'path', type: 'string', required: true } : { name, in: 'query', type }
}
