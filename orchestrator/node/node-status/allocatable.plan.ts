import { milliValueOf, tryParseQuantity, valueOf } from '../../api/quantity.ts'
import { quantityOf } from '../eviction/thresholds.ts'
import type { Threshold } from '../eviction/thresholds.ts'

/** What of a node pods do not get: amounts by resource, as text. */
export type Reservation = Readonly<Record<string, string>>

const reservable = ['cpu', 'memory', 'ephemeral-storage', 'pid']

/** Reads `cpu=100m,memory=200Mi,…`; '' is none. Throws a `RangeError` that names the part that is wrong. */
export function parseReservation(text: string): Reservation {
  const parts = text.split(',').filter((part) => part !== '')
  return Object.fromEntries(
    parts.map((part) => {
      const [name = '', amount = '', ...rest] = part.split('=')
      if (!reservable.includes(name) || rest.length > 0)
        throw new RangeError(`"${part}" is not RESOURCE=QUANTITY with one of ${reservable.join(', ')}`)
      if (tryParseQuantity(amount) === undefined || milliValueOf(amount) < 0)
        throw new RangeError(`"${part}" needs a quantity such as 100m or 200Mi`)
      return [name, amount]
    }),
  )
}

/** The signals whose hard thresholds are kept free, by resource, as the kubelet's. */
const keptFree: readonly (readonly [resource: string, signal: string])[] = [
  ['memory', 'memory.available'],
  ['ephemeral-storage', 'nodefs.available'],
]

/**
 * What pods can have of a node: its capacity without what is reserved, what hard eviction keeps free, and (of memory) what is set aside as huge pages. What is
 * not touched stays as it is written.
 */
export function allocatableOf(
  capacity: Readonly<Record<string, string>>,
  reservations: readonly Reservation[],
  thresholds: readonly Threshold[],
): Record<string, string> {
  const result = { ...capacity }
  for (const [name, text] of Object.entries(capacity)) {
    if (name === 'cpu') {
      const taken = reservations.reduce((sum, each) => sum + milliValueOf(each['cpu']), 0)
      if (taken > 0) result[name] = `${Math.max(0, milliValueOf(text) - taken)}m`
      continue
    }
    const taken = takenOf(name, capacity, reservations, thresholds)
    if (taken === 0) continue
    const left = Math.max(0, valueOf(text) - taken)
    result[name] = name === 'memory' ? `${Math.floor(left / 1024)}Ki` : String(left)
  }
  return result
}

function takenOf(
  name: string,
  capacity: Readonly<Record<string, string>>,
  reservations: readonly Reservation[],
  thresholds: readonly Threshold[],
): number {
  const reserved = reservations.reduce((sum, each) => sum + valueOf(each[name]), 0)
  const signal = keptFree.find(([resource]) => resource === name)?.[1]
  const threshold = thresholds.find((each) => each.signal === signal && each.gracePeriodMs === undefined)
  const size = valueOf(capacity[name])
  const free = threshold === undefined ? 0 : quantityOf(threshold, { capacity: size, available: size })
  const pages = name !== 'memory' ? 0 : sum(Object.entries(capacity).filter(([each]) => each.startsWith('hugepages-')))
  return reserved + free + pages
}

const sum = (amounts: readonly (readonly [string, string])[]) => amounts.reduce((total, [, text]) => total + valueOf(text), 0)
