import { dirname } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { LogOrigin } from '../log-batch.ts'
import type { FileGroup } from '../reading/file-group.ts'
import type { FolderWatches } from '../reading/folder-watches.ts'
import type { FollowedPath } from '../reading/followed-path.ts'
import type { ContainerRecord } from './container-record.ts'

export interface ContainerLogsOptions {
  readonly clock: Clock
  readonly nodeName: string
  readonly watches: FolderWatches
  /** Opens a path for reading; held back until it is released. */
  readonly follow: (path: string, origin: LogOrigin) => FollowedPath
  /** The path will never be written again, and its file is gone: what is known of it can be forgotten. */
  readonly forget: (path: string) => void
}

interface Followed {
  record: ContainerRecord
  readonly path: FollowedPath
  readonly unwatch: (() => void) | undefined
}

/** Labels that only say what the record says anyway. */
const ownLabel = /^(?:io\.kubernetes\.|binnacle\.|annotation\.io\.kubernetes\.)/

/** How long a container's pod may be unknown before its lines are read without. */
const completionMs = 5000

/** The logs of Docker's containers: opened when a container is made, read to their end when it has gone. */
export class ContainerLogs {
  readonly #options: ContainerLogsOptions
  readonly #followed = new Map<string, Followed>()

  constructor(options: ContainerLogsOptions) {
    this.#options = options
  }

  update(record: ContainerRecord): void {
    const known = this.#followed.get(record.id)
    // What was read to its end has nothing new because its pod has; its file may be on the way out.
    if (record.isAboutPod === true && known?.path.group.isClosed === true && !known.path.processing.isExcluded) return
    if (known === undefined || known.path.group.isClosed) return this.#open(record, known)
    known.record = record
    known.path.describe(originOf(record, this.#options.nodeName))
    if (!record.isIncomplete) known.path.release()
    this.#enter(known)
  }

  #open(record: ContainerRecord, before: Followed | undefined): void {
    before?.unwatch?.()
    const { watches, follow, clock, nodeName } = this.#options
    // Of one that is gone there is nothing to open, unless it was open.
    if (record.phase === 'removed') return this.#leave(record)
    const path = follow(record.logPath, originOf(record, nodeName))
    const unwatch = watches.add(dirname(record.logPath), () => path.group.look())
    const followed = { record, path, unwatch }
    this.#followed.set(record.id, followed)
    if (record.isIncomplete) clock.setTimer(completionMs, () => path.release())
    else path.release()
    path.group.look()
    this.#enter(followed)
  }

  /** A path was read to its end and closed. */
  onDone(group: FileGroup): void {
    for (const followed of this.#followed.values()) {
      if (followed.path.group !== group) continue
      followed.unwatch?.()
      if (followed.record.phase === 'removed') this.#leave(followed.record)
    }
  }

  #enter({ record, path }: Followed): void {
    if (record.phase === 'running') path.group.resume()
    else if (record.phase === 'created') path.group.look()
    else path.group.end()
  }

  #leave({ id, logPath }: ContainerRecord): void {
    this.#followed.delete(id)
    this.#options.forget(logPath)
  }
}

/** The origin of a container's lines. */
function originOf({ id, name, image, labels, pod, facts }: ContainerRecord, node: string): LogOrigin {
  const ownLabels = Object.fromEntries(Object.entries(labels).filter(([key]) => !ownLabel.test(key)))
  return {
    id: `docker/${id}`,
    kind: 'container',
    node,
    namespace: pod?.namespace ?? '',
    pod: pod?.name ?? '',
    podUid: pod?.uid ?? '',
    container: pod?.container ?? name,
    containerId: id,
    image: labels['binnacle.image'] ?? image,
    owner: facts?.owner,
    labels: facts?.labels ?? ownLabels,
    // Containers of their own have no annotations: their labels serve as such.
    annotations: facts?.annotations ?? (pod === undefined ? ownLabels : {}),
  }
}
