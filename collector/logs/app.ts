import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { PodList } from '../naming/pod-lists.ts'
import type { OwnerFilter } from '../docker/describe.ts'
import { connectDocker, type DockerAddress } from '../docker/docker-engine.ts'
import type { LogAnswer, LogRequest } from './context.ts'
import { claimFolder } from './folder-claim.ts'
import type { LogFamily } from './families.ts'
import { defaultLogSettings, type LogSettings } from './settings.ts'
import type { LogSinkSettings } from './sinks/sinks.ts'
import { DockerContainers, type PodDirectory } from './sources/docker-containers.ts'
import { PolledPods } from './sources/polled-pods.ts'
import type { StoreSettings } from './store-settings.ts'
import { ThreadHandle } from './thread-handle.ts'

export type { PodDirectory } from './sources/docker-containers.ts'
export type { PodFacts } from './sources/container-record.ts'
export { ownerOf } from './sources/polled-pods.ts'

/** A configuration file that was read and found good. */
export interface LogConfiguration {
  readonly settings: LogSettings
  readonly sinks: readonly LogSinkSettings[]
  readonly store: StoreSettings | undefined
}

/** Without a file: Docker's containers, to the store of recent lines. */
export const defaultLogConfiguration: LogConfiguration = { settings: defaultLogSettings, sinks: [], store: {} }

export interface LogPipelineOptions {
  readonly configuration: LogConfiguration
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly nodeName: string
  /** A folder of the pipeline's own: positions, spools, the store. */
  readonly dataFolder: string
  /** Whose containers are followed; without it there are no containers but those of a CRI runtime's files. */
  readonly docker?: DockerAddress
  /** Where several nodes or clusters share an engine. */
  readonly owner?: OwnerFilter
  /** Whether containers that are no pod's and no node's are read, too: of several nodes on a machine, one does. Default: they are. */
  readonly takesPlain?: boolean
  /** What is known of pods, or a list of them; without either Docker's labels have to do. */
  readonly pods?: PodDirectory
  readonly podList?: PodList
}

/** The collection of this node's logs. */
export interface LogPipeline {
  /** Resolves when it reads; rejects when it can't. */
  start(): Promise<void>
  /** Gives what was read a few seconds to be safe. */
  stop(): Promise<void>
  /** A GET below `/api/v1/logs`. Rejects while the thread is away. */
  ask(request: LogRequest, signal: AbortSignal): Promise<LogAnswer>
  /** What `/metrics` shows of it, figures of users among it; those of its thread are missing while that is away. */
  families(): Promise<readonly LogFamily[]>
}

/** Composes the collection of logs. Docker is followed here, files are read on a thread of its own. */
export function createLogPipeline(options: LogPipelineOptions): LogPipeline {
  const { configuration, clock, random, log, nodeName, dataFolder, docker, podList } = options
  const abort = new AbortController()
  const followsPods = configuration.settings.pods !== undefined
  let release: (() => void) | undefined
  let following: Promise<unknown> | undefined
  const polled = podList === undefined ? undefined : new PolledPods(podList, clock, log)
  const pods = options.pods ?? polled
  const known = new Set<string>()
  const sendPod = (uid: string) => {
    const facts = pods?.get(uid)
    if (facts === undefined) known.delete(uid)
    else thread.send({ type: 'pod', uid, facts })
  }
  if (followsPods) {
    pods?.onChange((uid) => {
      known.add(uid)
      sendPod(uid)
    })
  }
  const containers =
    docker === undefined || configuration.settings.docker === undefined
      ? undefined
      : new DockerContainers({
          engine: connectDocker(docker),
          owner: options.owner ?? {},
          takesPlain: options.takesPlain ?? true,
          pods,
          clock,
          log,
          onRecord: (record) => thread.send({ type: 'container', record }),
        })
  const thread = new ThreadHandle({
    data: { nodeName, dataFolder, ...configuration },
    clock,
    random,
    log,
    onStart: () => {
      for (const uid of known) sendPod(uid)
      for (const record of containers?.records() ?? []) thread.send({ type: 'container', record })
    },
  })
  return {
    start: async () => {
      release = claimFolder(dataFolder)
      // Whether or not the thread can begin at once: it is told of everything when it does.
      following = Promise.all([polled?.run(abort.signal), containers?.run(abort.signal)])
      await thread.start()
    },
    stop: async () => {
      abort.abort()
      await following
      await thread.stop()
      release?.()
    },
    ask: (request, signal) => thread.ask(request, signal),
    families: async () => {
      const own: LogFamily = {
        name: 'binnacle_log_thread_restarts_total',
        type: 'counter',
        help: 'How often the thread that collects logs had to be started again',
        samples: [{ suffix: '', labels: {}, value: thread.restarts }],
      }
      return [own, ...(await thread.families().catch(() => []))]
    },
  }
}
