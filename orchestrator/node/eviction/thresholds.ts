import { durationForm, parseDuration } from '../../../lib/duration.ts'
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
  readonly value: Amount
  /** A soft threshold: only what lasts this long is acted on, and pods are given time to end. Absent: at once. */
  readonly gracePeriodMs?: number
  /** Once it was met, this much more than it has to be available again. */
  readonly minimumReclaim?: Amount
}

/** In units of the signal, or a part of the capacity. */
export type Amount = { readonly amount: number } | { readonly fraction: number }

/** The texts of the kubelet's flags on eviction. */
export interface EvictionTexts {
  /** When pods are given up because the node runs short, e.g. `memory.available<100Mi,nodefs.available<10%`; '' is never. Default: `defaultThresholds`. */
  readonly evictionHard?: string
  /** The same, but only when it lasts, and each … */
  readonly evictionSoft?: string
  /** … with the time that it has to last, e.g. `memory.available=1m30s`. */
  readonly evictionSoftGracePeriod?: string
  /** How much more than a threshold has to be available again once it was met, e.g. `nodefs.available=500Mi`. */
  readonly evictionMinimumReclaim?: string
}

/** All thresholds of a node. Throws a `RangeError` that names the part that is wrong. */
export function evictionThresholds(texts: EvictionTexts, fallback: string): readonly Threshold[] {
  const periods = new Map(pairsIn(texts.evictionSoftGracePeriod ?? '', gracePeriodIn))
  const reclaims = new Map(pairsIn(texts.evictionMinimumReclaim ?? '', valueIn))
  const soft = parseThresholds(texts.evictionSoft ?? '').map((threshold) => {
    const gracePeriodMs = periods.get(threshold.signal)
    if (gracePeriodMs === undefined)
      throw new RangeError(`soft threshold "${threshold.signal}" needs a grace period, e.g. ${threshold.signal}=1m30s`)
    return { ...threshold, gracePeriodMs }
  })
  const unused = [...periods.keys()].find((signal) => !soft.some((each) => each.signal === signal))
  if (unused !== undefined) throw new RangeError(`"${unused}" has a grace period and no soft threshold`)
  return [...parseThresholds(texts.evictionHard ?? fallback), ...soft].map((threshold) => {
    const minimumReclaim = reclaims.get(threshold.signal)
    return minimumReclaim === undefined ? threshold : { ...threshold, minimumReclaim }
  })
}

/** `SIGNAL=VALUE,…`. */
function pairsIn<T>(text: string, read: (value: string, part: string) => T): [SignalName, T][] {
  const parts = text.split(',').filter((part) => part !== '')
  return parts.map((part) => {
    const [name = '', value = '', ...rest] = part.split('=')
    const signal = signalNames.find((each) => each === name)
    if (signal === undefined || rest.length > 0) throw new RangeError(`"${part}" is not SIGNAL=VALUE with one of ${signalNames.join(', ')}`)
    return [signal, read(value, part)]
  })
}

function gracePeriodIn(value: string, part: string): number {
  const ms = parseDuration(value)
  if (ms === undefined) throw new RangeError(`"${part}" needs ${durationForm}`)
  return ms
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

function valueIn(text: string, part: string): Amount {
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
export const quantityOf = ({ value }: Threshold, signal: Signal): number => amountOf(value, signal)

/** How much more has to be available before a threshold that was met counts as met no longer. */
export const reclaimOf = ({ minimumReclaim }: Threshold, signal: Signal): number =>
  minimumReclaim === undefined ? 0 : amountOf(minimumReclaim, signal)

const amountOf = (value: Amount, { capacity }: Signal): number => ('amount' in value ? value.amount : Math.floor(capacity * value.fraction))
