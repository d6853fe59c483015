import { parseDuration } from '../../../api/duration.ts'
import { tryParseQuantity, quantityMilliValue, quantityValue } from '../../../api/quantity.ts'

/** The annotations by which a pod says how its containers behave on a simulated node. Values that are malformed count as absent. */
export const simulationAnnotation = {
  /** Steady CPU use of each container: `250m`. */
  cpu: 'binnacle.dev/simulated-cpu',
  /** Working set of each container: `64Mi`. */
  memory: 'binnacle.dev/simulated-memory',
  /** End this long after the start: `5s`. */
  exitAfter: 'binnacle.dev/simulated-exit-after',
  exitCode: 'binnacle.dev/simulated-exit-code',
} as const

/** How a simulated container behaves. */
export interface Behaviour {
  readonly cpuMillicores: number
  readonly memoryBytes: number
  /** Absent: it runs until it is stopped. */
  readonly exit?: { readonly afterMs: number; readonly code: number }
}

const defaultCpuMillicores = 1
const defaultMemoryBytes = 16 * 1024 * 1024
const defaultExitMs = 1_000

/** Images that do one thing and end, by the last part of their name. All others run on. */
const endingImages: Readonly<Record<string, number>> = { whalesay: 0, 'hello-world': 0, completes: 0, fails: 1 }

/** What a container does, by its pod's annotations, else by its image. */
export function behaviourOf(image: string, annotations: Readonly<Record<string, string>>): Behaviour {
  const cpu = quantityOf(annotations[simulationAnnotation.cpu])
  const memory = quantityOf(annotations[simulationAnnotation.memory])
  const afterText = annotations[simulationAnnotation.exitAfter]
  const afterMs = afterText === undefined ? undefined : parseDuration(afterText)
  const code = Number(annotations[simulationAnnotation.exitCode] ?? 0)
  const byImage = endingImages[image.slice(image.lastIndexOf('/') + 1).split(/[:@]/)[0]!]
  const exit =
    afterMs !== undefined
      ? { afterMs, code: Number.isInteger(code) ? code : 0 }
      : byImage === undefined
        ? undefined
        : { afterMs: defaultExitMs, code: byImage }
  return {
    cpuMillicores: cpu === undefined ? defaultCpuMillicores : quantityMilliValue(cpu),
    memoryBytes: memory === undefined ? defaultMemoryBytes : quantityValue(memory),
    ...(exit === undefined ? {} : { exit }),
  }
}

const quantityOf = (text: string | undefined) => (text === undefined ? undefined : tryParseQuantity(text))

/** CPU time that a steady use has come to. */
export function cpuNanoseconds(behaviour: Behaviour, ranMs: number): number {
  // A thousandth of a core for a millisecond is a microsecond.
  return Math.round(behaviour.cpuMillicores * Math.max(0, ranMs) * 1000)
}

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
