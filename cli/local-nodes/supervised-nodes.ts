import { mkdirSync, watch, type FSWatcher } from 'node:fs'
import type { DataFolder } from '../data-folder.ts'
import { localNodeNames, processOf, wantedFolderOf } from './wanted-nodes.ts'

export interface SupervisedNodesOptions {
  readonly folder: DataFolder
  /** Makes the node's certificate and starts its process; rejects where it ends at once. */
  readonly start: (name: string) => Promise<void>
  readonly stop: (name: string) => Promise<void>
  /** Called with what stands in the way of nodes, by name, whenever that changes. */
  readonly onProblems: (problems: Readonly<Record<string, string>>) => void
}

/** Keeps a process running for each node that is wanted beside those of the start, as nodes are added and removed. */
export class SupervisedNodes {
  readonly #options: SupervisedNodesOptions
  readonly #running = new Set<string>()
  readonly #problems = new Map<string, string>()
  #watcher: FSWatcher | undefined
  #work: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: SupervisedNodesOptions) {
    this.#options = options
  }

  /** Resolves when those that are wanted by now run, or cannot. */
  async start(): Promise<void> {
    const path = wantedFolderOf(this.#options.folder)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    this.#watcher = watch(path, () => this.#enqueue())
    this.#watcher.on('error', () => {})
    this.#enqueue()
    await this.#work
  }

  /** Looks after them no more; their processes are the supervisor's to stop. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#watcher?.close()
    await this.#work
  }

  /** One look at a time, and one more for whatever changed during it. */
  #enqueue(): void {
    this.#work = this.#work.then(() => this.#reconcile())
  }

  async #reconcile(): Promise<void> {
    if (this.#isStopped) return
    const wanted = new Set(localNodeNames(this.#options.folder))
    const gone = [...this.#running].filter((name) => !wanted.has(name))
    const fresh = [...wanted].filter((name) => !this.#running.has(name) && !this.#problems.has(name))
    const forgotten = [...this.#problems.keys()].filter((name) => !wanted.has(name))
    for (const name of forgotten) this.#problems.delete(name)
    await Promise.all([...gone.map((name) => this.#stop(name)), ...fresh.map((name) => this.#start(name))])
    if (forgotten.length > 0) this.#report()
  }

  async #start(name: string): Promise<void> {
    this.#running.add(name)
    try {
      await this.#options.start(name)
    } catch (error) {
      this.#running.delete(name)
      this.#problems.set(name, (error as Error).message)
      this.#report()
    }
  }

  async #stop(name: string): Promise<void> {
    this.#running.delete(name)
    await this.#options.stop(processOf(name))
  }

  #report(): void {
    this.#options.onProblems(Object.fromEntries(this.#problems))
  }
}
