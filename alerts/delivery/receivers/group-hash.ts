import { createHash } from 'node:crypto'
import type { Message } from '../message.ts'

/** The same for everything that is told of one group: what incident trackers know the group's incident by. As Alertmanager makes it. */
export function groupHash({ notification }: Message): string {
  return createHash('sha256').update(notification.groupKey).digest('hex')
}

/** JSON of what is not `undefined` or empty. */
export function jsonOf(body: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(body, (_key, value: unknown) => (value === '' ? undefined : value))
}

export const jsonHeaders = { 'Content-Type': 'application/json' }
