import { tryParseQuantity, valueOf } from '../../api/quantity.ts'

/** What a node can run short of. */
export const signalNames = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
] as const
export type SignalName = (typeof signalNames)[number]

/** Below which amount, or part of the capacity, a signal means pressure. */
export interface Threshold {
  readonly signal: SignalName
  readonly value: { readonly amount: number } | { readonly fraction: number }
}

/**
 * Memory as upstream. Of disks less than upstream's 10 and 15 %: they are the user's own, who fills them with other things, and a cluster that takes no pods
 * for that would be of no use to him.
 */
export const defaultThresholds =
  'memory.available<100Mi,nodefs.available<3%,nodefs.inodesFree<1%,imagefs.available<3%,imagefs.inodesFree<1%'

/** Reads `SIGNAL<QUANTITY|PERCENT%,…`; '' is none. Throws a `RangeError` that names the part that is wrong. */
export function parseThresholds(text: string): readonly Threshold[] {
  const parts = text.split(',').filter((part) => part !== '')
  return parts.map((part) => {
    const [name = '', value = '', ...rest] = part.split('<')
    const signal = signalNames.find((each) => each === name)
    if (signal === undefined || rest.length > 0) throw new RangeError(`"${part}" is not SIGNAL<VALUE with one of ${signalNames.join(', ')}`)
    return { signal, value: valueIn(value, part) }
  })
}

function valueIn(text: string, part: string): Threshold['value'] {
  if (text.endsWith('%')) {
    const percent = Number(text.slice(0, -1))
    if (text.length > 1 && percent >= 0 && percent <= 100) return { fraction: percent / 100 }
  } else if (tryParseQuantity(text) !== undefined && valueOf(text) >= 0) return { amount: valueOf(text) }
  throw new RangeError(`"${part}" needs a quantity such as 100Mi or a percentage from 0% to 100%`)
}

/** What is left of something, and of how much. */
export interface Signal {
  readonly available: number
  readonly capacity: number
}

export type Signals = Readonly<Partial<Record<SignalName, Signal>>>

/** The amount below which a threshold is met. */
export const quantityOf = ({ value }: Threshold, { capacity }: Signal): number =>
  'amount' in value ? value.amount : Math.floor(capacity * value.fraction)
