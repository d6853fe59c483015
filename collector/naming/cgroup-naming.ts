import { join } from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { ContainerPath } from '../cgroup/container-path.ts'
import { parseContainerPath } from '../cgroup/container-path.ts'
import { folderOf } from '../cgroup/hierarchy.ts'
import type { Hierarchy } from '../cgroup/hierarchy.ts'
import type { ContainerDescription, PodIdentity } from '../container.ts'
import { readPodList } from './pod-list.ts'
import type { PodDirectory } from './pod-list.ts'
import type { PodList } from './pod-lists.ts'
import { readProcessFacts } from './process-facts.ts'
import type { ProcessFacts } from './process-facts.ts'

export interface CgroupNamingOptions {
  readonly clock: Clock
  readonly log: Log
  readonly hierarchy: Hierarchy
  readonly procRoot: string
  /** Where pods' names come from; without one, pods' containers have their ids and their pods' uids alone. */
  readonly podList: PodList | undefined
  /** A container is known better than when it was found. */
  readonly onDescription: (description: ContainerDescription) => void
}

interface Candidate {
  readonly path: string
  readonly parsed: ContainerPath
  readonly madeAtMs: number
  readonly foundAtMs: number
  last: ContainerDescription
}

/** How often containers that are not fully known yet are looked at, and for how long. */
const settleMs = 1000
const giveUpMs = 120_000

/** The list of pods is asked for again this soon where a container is missing from it, and this late where none is. */
const minListMs = 2000
const maxListMs = 60_000

/** A sandbox's program, by all runtimes. */
const sandboxCommand = 'pause'

/**
 * Knows containers by their cgroups alone, where no runtime can be asked: the id and runtime from the path, the network and the writable
 * layer from the first process, the names from a list of pods. What is not known at once is looked for again until it is.
 */
export class CgroupNaming {
  /** Why the list of pods can't be had; undefined while it can. */
  listProblem: string | undefined
  /** Why network namespaces can't be told apart. */
  networkProblem: string | undefined
  readonly #options: CgroupNamingOptions
  readonly #unsettled = new Map<string, Candidate>()
  /** A network namespace counts for one container: the sandbox, else the first that was seen in it. */
  readonly #networkOwners = new Map<string, Candidate>()
  #pods: PodDirectory = { containers: new Map(), pods: new Map() }
  #listedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: CgroupNamingOptions) {
    this.#options = options
  }

  /** Pods in the last list. */
  get podCount(): number {
    return this.#pods.pods.size
  }

  /** What is known now of a container's cgroup, and more later through `onDescription`; `undefined` for what is no container. */
  describe(path: string, madeAtMs: number): ContainerDescription | undefined {
    const parsed = parseContainerPath(path)
    if (parsed === undefined) return undefined
    const candidate: Candidate = { path, parsed, madeAtMs, foundAtMs: this.#options.clock.monotonic(), last: blank(path, parsed, madeAtMs) }
    candidate.last = this.#look(candidate)
    this.#unsettled.set(path, candidate)
    return candidate.last
  }

  /** A cgroup is gone, or someone else knows it better. */
  forget(path: string): void {
    this.#unsettled.delete(path)
    for (const [network, owner] of this.#networkOwners) if (owner.path === path) this.#networkOwners.delete(network)
  }

  /** Looks again at what is not fully known, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!signal.aborted) {
      await this.#refreshPods(signal)
      this.settle()
      await clock.sleep(settleMs, signal)
    }
  }

  /** Looks again now. */
  settle(): void {
    const { clock, onDescription } = this.#options
    for (const candidate of this.#unsettled.values()) {
      const description = this.#look(candidate)
      if (!isSame(description, candidate.last)) onDescription(description)
      candidate.last = description
      const hasWaited = clock.monotonic() - candidate.foundAtMs
      if (hasWaited > giveUpMs || (hasWaited >= settleMs && this.#isSettled(candidate))) this.#unsettled.delete(candidate.path)
    }
  }

  #isSettled({ parsed, last }: Candidate): boolean {
    const isNamed = this.#options.podList === undefined || parsed.podUid === undefined || last.pod !== undefined
    return last.pid !== undefined && isNamed
  }

  async #refreshPods(signal: AbortSignal): Promise<void> {
    const { podList, clock, log } = this.#options
    if (podList === undefined) return
    const isMissing = this.#unsettled.values().some(({ parsed, last }) => parsed.podUid !== undefined && last.pod === undefined)
    if (clock.monotonic() - this.#listedAtMs < (isMissing ? minListMs : maxListMs)) return
    this.#listedAtMs = clock.monotonic()
    try {
      this.#pods = readPodList(await podList(signal))
      this.listProblem = undefined
    } catch (err) {
      if (this.listProblem === undefined && !signal.aborted)
        log.warn({ err }, 'the list of pods can not be had: new containers have no names until it can')
      this.listProblem = err instanceof Error ? err.message : String(err)
    }
  }

  #look(candidate: Candidate): ContainerDescription {
    const { hierarchy, procRoot } = this.#options
    const { path, parsed, madeAtMs, last } = candidate
    const controller = hierarchy.version === 'v2' ? '' : ['memory', 'pids', 'cpu'].find((name) => hierarchy.controllers.has(name))
    const folder = controller === undefined ? undefined : folderOf(hierarchy, controller, path)
    const facts = readProcessFacts(join(folder ?? '', 'cgroup.procs'), procRoot)
    this.networkProblem = facts.problem ?? this.networkProblem
    // A runtime's own program sets the container up before it becomes the container's.
    if (facts.pid === undefined || facts.command?.startsWith('runc') === true) return last
    const pod = this.#podOf(parsed, facts)
    return {
      ...blank(path, parsed, madeAtMs),
      pid: facts.pid,
      hasNetwork: this.#ownsNetwork(candidate, facts, pod?.isSandbox === true),
      ...(facts.layerPath === undefined ? {} : { layerPath: facts.layerPath }),
      ...(pod === undefined ? {} : this.#named(parsed, pod)),
    }
  }

  /** A container that no list has is its pod's sandbox if it runs the program of one. */
  #podOf({ id, podUid }: ContainerPath, { command }: ProcessFacts): PodIdentity | undefined {
    const listed = this.#pods.containers.get(id)
    if (listed !== undefined) {
      return { name: listed.podName, namespace: listed.namespace, uid: listed.podUid, container: listed.name, isSandbox: false }
    }
    const pod = podUid === undefined ? undefined : this.#pods.pods.get(podUid)
    return pod === undefined || command !== sandboxCommand ? undefined : { ...pod, container: 'POD', isSandbox: true }
  }

  #named(
    { id }: ContainerPath,
    pod: PodIdentity,
  ): Pick<ContainerDescription, 'pod' | 'aliases' | 'labels' | 'image'> & { logPath?: string } {
    const listed = this.#pods.containers.get(id)
    const attempt = listed?.restartCount ?? 0
    return {
      pod,
      aliases: [`k8s_${pod.container}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`, id],
      labels: {
        'io.kubernetes.pod.name': pod.name,
        'io.kubernetes.pod.namespace': pod.namespace,
        'io.kubernetes.pod.uid': pod.uid,
        'io.kubernetes.container.name': pod.container,
      },
      image: listed?.image ?? '',
      ...(listed === undefined ? {} : { logPath: `/var/log/pods/${pod.namespace}_${pod.name}_${pod.uid}/${pod.container}/${attempt}.log` }),
    }
  }

  #ownsNetwork(candidate: Candidate, { network }: ProcessFacts, isSandbox: boolean): boolean {
    if (network === undefined || network.isMachines) return false
    const owner = this.#networkOwners.get(network.id)
    if (owner !== undefined && owner.path !== candidate.path) {
      if (!isSandbox) return false
      this.#unsettled.set(owner.path, owner)
    }
    this.#networkOwners.set(network.id, candidate)
    return true
  }
}

function blank(path: string, { id, runtime }: ContainerPath, madeAtMs: number): ContainerDescription {
  return {
    name: path,
    id,
    aliases: [id],
    namespace: runtime,
    labels: {},
    image: '',
    createdMs: madeAtMs,
    startedMs: madeAtMs,
    hasNetwork: false,
  }
}

function isSame(one: ContainerDescription, other: ContainerDescription): boolean {
  return (
    one.pid === other.pid &&
    one.hasNetwork === other.hasNetwork &&
    one.layerPath === other.layerPath &&
    one.image === other.image &&
    one.aliases[0] === other.aliases[0]
  )
}
