import { badRequest } from '../../orchestrator/api/status-error.ts'

/** The parameters of a request. Every reader takes the first value and throws a BadRequest that names the parameter. */
export type Query = URLSearchParams

const shown = (text: string) => JSON.stringify(text.slice(0, 100))

/** A flag as Go reads one; absent and empty are false. */
export function readFlag(query: Query, name: string): boolean {
  const text = query.get(name)?.toLowerCase() ?? ''
  if (['', '0', 'false', 'f'].includes(text)) return false
  if (['1', 'true', 't'].includes(text)) return true
  throw badRequest(`${name}: invalid value ${shown(text)}, must be true or false`)
}

/** A whole number from 0 up; absent and empty are `undefined`. */
export function readCount(query: Query, name: string): number | undefined {
  const text = query.get(name) ?? ''
  if (text === '') return undefined
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${name}: invalid value ${shown(text)}, must be a whole number that is not negative`)
  return Number(text)
}
