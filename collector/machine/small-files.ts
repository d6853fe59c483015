import { readFileSync, readdirSync } from 'node:fs'

/** A file's text; empty when it can't be read. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The whole number that a file begins with; 0 when there is none. */
export function numberOf(path: string): number {
  const value = Number.parseInt(textOf(path), 10)
  return Number.isNaN(value) ? 0 : value
}

/** The names in a folder, sorted; none when it can't be read. */
export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).toSorted()
  } catch {
    return []
  }
}
