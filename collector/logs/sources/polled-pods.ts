import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { PodList } from '../../naming/pod-lists.ts'
import type { PodFacts } from './container-record.ts'
import type { PodDirectory } from './docker-containers.ts'

/** The list is asked for this often, and sooner when a pod is met that is not in it. */
const intervalMs = 30_000
const soonMs = 500
/** More pods than these run on no node. */
const maxPods = 4096

/** What a kubelet, or a file, says of the pods of a node. */
export class PolledPods implements PodDirectory {
  readonly #list: PodList
  readonly #clock: Clock
  readonly #log: Log
  readonly #handlers: ((uid: string) => void)[] = []
  #facts = new Map<string, PodFacts>()
  #wake: (() => void) | undefined
  #isFailing = false

  constructor(list: PodList, clock: Clock, log: Log) {
    this.#list = list
    this.#clock = clock
    this.#log = log
  }

  get(uid: string): PodFacts | undefined {
    const known = this.#facts.get(uid)
    if (known === undefined) this.#clock.setTimer(soonMs, () => this.#wake?.())
    return known
  }

  onChange(handler: (uid: string) => void): void {
    this.#handlers.push(handler)
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#learn(readPodFacts(await this.#list(signal)))
        this.#isFailing = false
      } catch (err) {
        if (!this.#isFailing && !signal.aborted)
          this.#log.warn({ err }, 'the list of pods is not to be had: logs have the labels of containers alone')
        this.#isFailing = true
      }
      const rest = new AbortController()
      this.#wake = () => rest.abort()
      await this.#clock.sleep(intervalMs, AbortSignal.any([signal, rest.signal]))
      this.#wake = undefined
    }
  }

  #learn(facts: Map<string, PodFacts>): void {
    const before = this.#facts
    this.#facts = facts
    for (const [uid, pod] of facts) {
      if (JSON.stringify(pod) === JSON.stringify(before.get(uid))) continue
      for (const handler of this.#handlers) handler(uid)
    }
  }
}

/** Facts by uid, of a `v1.PodList` from whoever it comes. Parts that are not as they should be are left out. */
export function readPodFacts(list: unknown): Map<string, PodFacts> {
  const items = (list as { items?: unknown } | null)?.items
  if (!Array.isArray(items)) return new Map()
  const facts = new Map<string, PodFacts>()
  for (const item of items.slice(0, maxPods) as readonly ({ metadata?: Metadata } | null)[]) {
    const metadata = item?.metadata
    const annotations = textsOf(metadata?.annotations)
    const uid = annotations['kubernetes.io/config.hash'] ?? metadata?.uid
    if (typeof uid !== 'string') continue
    const labels = textsOf(metadata?.labels)
    facts.set(uid, { labels, annotations, owner: ownerOf(metadata?.ownerReferences, labels) })
  }
  return facts
}

interface Metadata {
  readonly uid?: unknown
  readonly labels?: unknown
  readonly annotations?: unknown
  readonly ownerReferences?: unknown
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** The controller of a pod. A Deployment's pods belong to a ReplicaSet whose name is the Deployment's with the hash of the template. */
export function ownerOf(references: unknown, labels: Readonly<Record<string, string>>): PodFacts['owner'] {
  if (!Array.isArray(references)) return undefined
  const reference = references.find((one: { controller?: unknown } | null) => one?.controller === true) as
    | { kind?: unknown; name?: unknown }
    | undefined
  const { kind, name } = reference ?? {}
  if (typeof kind !== 'string' || typeof name !== 'string') return undefined
  const suffix = `-${labels['pod-template-hash'] ?? ''}`
  const isOfDeployment = kind === 'ReplicaSet' && suffix.length > 1 && name.endsWith(suffix)
  return isOfDeployment ? { kind: 'Deployment', name: name.slice(0, -suffix.length) } : { kind, name }
}
