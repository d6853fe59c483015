import { ApiError } from './api-error.ts'

/** An object of a request, or a 400 that names it. */
export function readObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new ApiError(400, `${name} in body must be an object`)
}

/** A list of a request, or a 400 that names it. */
export function readList(value: unknown, name: string): unknown[] {
  if (Array.isArray(value)) return value
  throw new ApiError(400, `${name} in body must be a list`)
}

/** A text of a request, or a 400 that names it; `fallback` where it is absent. */
export function readText(value: unknown, name: string, fallback?: string): string {
  if (typeof value === 'string') return value
  if (value === undefined && fallback !== undefined) return fallback
  throw new ApiError(400, `${name} in body must be a text`)
}

/** An RFC 3339 time in milliseconds. Absent, empty and Go's zero time are `undefined`. */
export function readTime(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const ms = typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : NaN
  if (Number.isNaN(ms)) throw new ApiError(400, `${name} in body must be a time such as 2030-01-01T00:00:00.000Z, not ${describe(value)}`)
  return new Date(ms).getUTCFullYear() <= 1 ? undefined : ms
}

/** What is no text may be nested so deeply that it cannot be written down. */
function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : typeof value
}

/** A mapping of texts to texts. */
export function readTexts(value: unknown, name: string): Record<string, string> {
  if (value === undefined || value === null) return {}
  return Object.fromEntries(Object.entries(readObject(value, name)).map(([key, member]) => [key, readText(member, `${name}.${key}`)]))
}

/** Milliseconds as API v2 writes times. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString()
}
