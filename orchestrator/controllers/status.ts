import { isDeepStrictEqual } from 'node:util'
import type { Kind, KubeObject } from '../api/object.ts'
import type { Client } from '../client/client.ts'
import { ignoreGone } from './refusal.ts'

/** Whether writing `wanted` would change what is stored: members that are 0, empty or undefined on one side and absent on the other count as the same. */
export function isSameStatus(stored: object | undefined, wanted: object): boolean {
  return isDeepStrictEqual(significant(stored ?? {}), significant(wanted))
}

const significant = (status: object) =>
  Object.fromEntries(
    Object.entries(status).filter(
      ([, value]) => value !== undefined && value !== 0 && value !== null && !(Array.isArray(value) && value.length === 0),
    ),
  )

/** The status as it goes over the wire: counts that are 0 and empty lists are left out, but for those named in `required`. */
export function withoutZeros<T extends object>(status: T, required: readonly (keyof T)[] = []): T {
  const kept = Object.entries(status).filter(([name, value]) => required.includes(name as keyof T) || (value !== 0 && value !== undefined))
  return Object.fromEntries(kept) as T
}

/** Writes an object's status if that changes anything; an object that has gone meanwhile is no trouble. */
export async function reportStatus<T extends KubeObject & { readonly status?: object }>(
  client: Client,
  kind: Kind<T>,
  object: T,
  status: NonNullable<T['status']>,
): Promise<void> {
  if (isSameStatus(object.status, status)) return
  await ignoreGone(client.updateStatus(kind, { ...object, status }))
}
