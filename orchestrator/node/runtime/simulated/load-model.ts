import { parseDuration } from '../../../api/duration.ts'
import { tryParseQuantity, quantityMilliValue, quantityValue } from '../../../api/quantity.ts'
import { RuntimeError } from '../runtime.ts'
import { curveForms, parseLoadCurve, steady, type LoadCurve, type Traces } from './load-curve.ts'

/** The annotations by which a pod says how its containers behave on a simulated node. */
export const simulationAnnotation = {
  /** CPU use of each container: `250m`, or a curve (see `parseLoadCurve`). */
  cpu: 'binnacle.dev/simulated-cpu',
  /** Working set of each container: `64Mi`, or a curve. */
  memory: 'binnacle.dev/simulated-memory',
  /** Containers of the namespace that name the same group share one CPU curve in equal parts, as replicas share their clients. */
  group: 'binnacle.dev/simulated-load-group',
  /** A start takes this long: `5s`. */
  startDelay: 'binnacle.dev/simulated-start-delay',
  /** After the signal to stop it goes on for this long: `10s`. */
  stopDelay: 'binnacle.dev/simulated-stop-delay',
  /** End this long after the start: `5s`. */
  exitAfter: 'binnacle.dev/simulated-exit-after',
  exitCode: 'binnacle.dev/simulated-exit-code',
  /** The share of starts that fail: `0.2` of them end with code 1, after `exitAfter` or a second. */
  failureShare: 'binnacle.dev/simulated-failure-share',
} as const

/** How a simulated container behaves. */
export interface Behaviour {
  /** Millicores and bytes as time goes by from the start. */
  readonly cpu: LoadCurve
  readonly memory: LoadCurve
  /** The group that shares `cpu`. */
  readonly group?: string
  readonly startDelayMs: number
  readonly stopDelayMs: number
  /** Absent: it runs until it is stopped. */
  readonly exit?: { readonly afterMs: number; readonly code: number }
  /** 0 to 1. */
  readonly failureShare: number
}

const defaultCpuMillicores = 1
const defaultMemoryBytes = 16 * 1024 * 1024
const defaultExitMs = 1_000

/** Images that do one thing and end, by the last part of their name. All others run on. */
const endingImages: Readonly<Record<string, number>> = { whalesay: 0, 'hello-world': 0, completes: 0, fails: 1 }

/** What a container does, by its pod's annotations, else by its image. Rejects an annotation that it cannot read with a `RuntimeError`. */
export function behaviourOf(image: string, annotations: Readonly<Record<string, string>>, traces: Traces = new Map()): Behaviour {
  const read = <T>(name: string, parse: (text: string) => T | undefined, forms: string): T | undefined => {
    const text = annotations[name]
    const value = text === undefined ? undefined : parse(text)
    if (text === undefined || value !== undefined) return value
    throw new RuntimeError('failed', `annotation ${name}: ${JSON.stringify(text.slice(0, 200))} is not one of: ${forms}`)
  }
  const curve = (name: string, key: 'cpu' | 'memory', readValue: (text: string) => number | undefined) =>
    read(name, (text) => parseLoadCurve(text, readValue, (trace) => traces.get(trace)?.[key]), curveForms)
  const duration = (name: string) => read(name, atLeastZero(parseDuration), 'a duration such as 1m30s')
  const exitAfterMs = duration(simulationAnnotation.exitAfter)
  const byImage = endingImages[image.slice(image.lastIndexOf('/') + 1).split(/[:@]/)[0]!]
  const code = read(simulationAnnotation.exitCode, whole, 'a number from 0 to 255') ?? byImage ?? 0
  const hasEnd = exitAfterMs !== undefined || byImage !== undefined
  const group = annotations[simulationAnnotation.group]
  return {
    cpu: curve(simulationAnnotation.cpu, 'cpu', quantity(quantityMilliValue)) ?? steady(defaultCpuMillicores),
    memory: curve(simulationAnnotation.memory, 'memory', quantity(quantityValue)) ?? steady(defaultMemoryBytes),
    ...(group === undefined ? {} : { group }),
    startDelayMs: duration(simulationAnnotation.startDelay) ?? 0,
    stopDelayMs: duration(simulationAnnotation.stopDelay) ?? 0,
    ...(hasEnd ? { exit: { afterMs: exitAfterMs ?? defaultExitMs, code } } : {}),
    failureShare: read(simulationAnnotation.failureShare, share, 'a number from 0 to 1') ?? 0,
  }
}

/** How a start of a container ends, if it ends by itself. `chance` from 0 to 1 decides whether it is one of those that fail. */
export function exitOf({ exit, failureShare }: Behaviour, chance: number): Behaviour['exit'] {
  return chance < failureShare ? { afterMs: exit?.afterMs ?? defaultExitMs, code: 1 } : exit
}

function quantity(valueOf: (parsed: NonNullable<ReturnType<typeof tryParseQuantity>>) => number) {
  return (text: string) => {
    const parsed = tryParseQuantity(text)
    return parsed === undefined || valueOf(parsed) < 0 ? undefined : valueOf(parsed)
  }
}

const atLeastZero = (parse: (text: string) => number | undefined) => (text: string) => {
  const value = parse(text)
  return value === undefined || value < 0 ? undefined : value
}

const whole = (text: string) => (/^\d{1,3}$/.test(text) && Number(text) < 256 ? Number(text) : undefined)
const share = (text: string) => (/^(0(\.\d+)?|1(\.0+)?)$/.test(text) ? Number(text) : undefined)

/** Nanoseconds of CPU time in millicores × milliseconds. */
export const cpuNanoseconds = (millicoreMs: number): number => Math.round(millicoreMs * 1000)

/** What a node's containers use; the shape that the collector reads. */
export interface UsageReport {
  readonly nodeName: string
  readonly timeMs: number
  readonly startedAtMs: number
  readonly memoryCapacityBytes: number
  readonly pods: readonly {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly startedAtMs: number
    readonly containers: readonly {
      readonly name: string
      readonly startedAtMs: number
      readonly cpuNanoseconds: number
      readonly workingSetBytes: number
    }[]
  }[]
}
