import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Kind } from '../api/object.ts'
import type { Client } from '../client/client.ts'
import { createEventRecorder } from '../client/events.ts'
import type { EventRecorder } from '../client/events.ts'
import type { InformerFactory } from '../client/informer.ts'
import { createController } from './controller.ts'
import type { AnyController, Controller, ReconcileResult } from './controller.ts'
import { accountOf } from './accounts.ts'
import { listControllers } from './controllers.ts'
import type { ControllerSettings } from './controllers.ts'
import { createDiscovery } from './discovery.ts'
import { collectableKinds } from './garbage-collector/collectable-kinds.ts'
import { createGarbageCollector } from './garbage-collector/garbage-collector.controller.ts'
import { createAutoscalerController } from './horizontal-pod-autoscaler/horizontal-pod-autoscaler.controller.ts'
import type { AutoscalerTuning } from './horizontal-pod-autoscaler/horizontal-pod-autoscaler.controller.ts'
import { runSampleTrigger } from './horizontal-pod-autoscaler/sample-trigger.ts'

export interface ControllersOptions extends ControllerSettings {
  readonly client: Client
  /** What a controller writes with, by the name of its service account in `kube-system`; absent: `client`. */
  readonly clientOf?: (account: string) => Client
  /** Run by the caller. */
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly autoscaler?: AutoscalerTuning
}

/** One series of the counter of reconciles. */
export interface ReconcileCount {
  readonly controller: string
  readonly result: ReconcileResult
  readonly value: number
}

/** All controllers of the cluster. */
export interface Controllers {
  /** Works until `signal` aborts, then resolves when all have stopped. */
  run(signal: AbortSignal): Promise<void>
  /** The counter `{controller, result}`, all series. */
  counts(): readonly ReconcileCount[]
}

/** Builds every controller with its loop. Events are recorded under each controller's own name. */
export function createControllers(options: ControllersOptions): Controllers {
  const { client, informers, clock, log, clientOf = () => client } = options
  const recorders: EventRecorder[] = []
  const start = (declaration: AnyController): Controller => {
    const events = createEventRecorder({ ...options, component: componentOf(declaration.name) })
    recorders.push(events)
    return createController(declaration, { client: clientOf(accountOf(declaration.name)), informers, clock, log, events })
  }

  const plain = listControllers({ ...options, discover: createDiscovery(options) }).map(start)

  const autoscalers = createAutoscalerController({ ...options, ...options.autoscaler })
  const autoscaler = start(autoscalers.declaration)

  const garbageCollector = createGarbageCollector({ informers, kinds: collectableKinds() })
  const collectors = new Map<Kind, Controller>(garbageCollector.declarations.map((declaration) => [declaration.for, start(declaration)]))
  const controllers = [...plain, autoscaler, ...collectors.values()]

  return {
    counts: () => sumByName(controllers),
    async run(signal) {
      garbageCollector.connect((kind, key) => collectors.get(kind)?.enqueueAfter(key, 0))
      const trigger = {
        client,
        informers,
        clock,
        log,
        autoscalersOf: autoscalers.autoscalersOf,
        autoscalersOfTotals: autoscalers.autoscalersOfTotals,
        enqueueAfter: (key: string, ms: number) => autoscaler.enqueueAfter(key, ms),
      }
      await Promise.all([...controllers.map((controller) => controller.run(signal)), runSampleTrigger(trigger, signal)])
      await Promise.all(recorders.map((recorder) => recorder.flush()))
    },
  }
}

/** `source.component` of events, as upstream's controllers sign theirs. */
const componentOf = (name: string) =>
  name === 'replicationcontroller' ? 'replication-controller' : name === 'horizontal-pod-autoscaler' ? name : `${name}-controller`

function sumByName(controllers: readonly Controller[]): readonly ReconcileCount[] {
  const sums = new Map<string, ReconcileCount>()
  for (const { name, counts } of controllers) {
    for (const [result, value] of Object.entries(counts) as [ReconcileResult, number][]) {
      const id = `${name} ${result}`
      sums.set(id, { controller: name, result, value: value + (sums.get(id)?.value ?? 0) })
    }
  }
  return [...sums.values()]
}
