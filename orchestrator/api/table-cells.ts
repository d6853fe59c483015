import { fromTimestamp } from '../../lib/clock.ts'
import { humanDuration } from './duration.ts'
import type { Column } from './kind-declaration.ts'
import type { KubeObject } from './object.ts'

/** The first column of every table. */
export const nameColumn: Column = { name: 'Name', type: 'string', format: 'name', description: 'Name must be unique within a namespace.' }

/** The age column, for kinds that show when they were made. */
export const ageColumn: Column = { name: 'Age', type: 'string', description: 'Time since the object was created.' }

/** What kinds without columns of their own show. */
export const defaultColumns: readonly Column[] = [nameColumn, ageColumn]

/** A text column; `priority` 1 shows in wide output only. */
export function textColumn(name: string, priority = 0): Column {
  return { name, type: 'string', priority }
}

/** A column of whole numbers. */
export function integerColumn(name: string, priority = 0): Column {
  return { name, type: 'integer', priority }
}

/** Time since a timestamp as kubectl prints ages; `<unknown>` where there is none. */
export function sinceCell(timestamp: string | undefined, now: number): string {
  const time = fromTimestamp(timestamp)
  return time === undefined ? '<unknown>' : humanDuration(now - time)
}

/** The object's age. */
export function ageCell(object: KubeObject, now: number): string {
  return sinceCell(object.metadata.creationTimestamp, now)
}
