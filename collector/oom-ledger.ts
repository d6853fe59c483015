import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseContainerPath } from './cgroup/container-path.ts'
import type { Container } from './container.ts'
import { column } from './metrics.ts'

/** Pods remembered at most. */
const maxPods = 4096

/**
 * OOM kills of pods' containers that ended before their counter was read: on cgroup v2 a pod's cgroup counts those of all its containers
 * and outlives them, so what it has and no container that is left accounts for is the one's that has just gone.
 */
export class OomLedger {
  /** Folder of the unified tree. */
  readonly #root: string
  /** By pod's cgroup: kills of containers that are gone. */
  readonly #settled = new Map<string, number>()

  constructor(root: string) {
    this.#root = root
  }

  /** A container has appeared: what its pod counts by now and nobody has is of no interest. */
  noteAdded(name: string): void {
    const pod = podOf(name)
    if (pod === undefined || this.#settled.has(pod)) return
    const total = this.#killsOf(pod)
    if (total === undefined) return
    this.#settled.set(pod, total - this.#killsBelow(pod))
    for (const oldest of this.#settled.keys()) {
      if (this.#settled.size <= maxPods) return
      this.#settled.delete(oldest)
    }
  }

  /** A container is gone: counts what was not seen of its kills. Call before it is forgotten. */
  settle(container: Container): void {
    const pod = podOf(container.description.name)
    const settled = pod === undefined ? undefined : this.#settled.get(pod)
    const total = pod === undefined ? undefined : this.#killsOf(pod)
    if (pod === undefined || settled === undefined || total === undefined) return
    const own = total - settled - this.#killsBelow(pod)
    const counted = container.ring.get(column.memoryOomKills)
    container.oomReports = Math.max(container.oomReports, own, Number.isNaN(counted) ? 0 : counted)
    this.#settled.set(pod, settled + Math.max(0, own))
  }

  #killsBelow(pod: string): number {
    try {
      const entries = readdirSync(join(this.#root, pod), { withFileTypes: true })
      return entries.filter((entry) => entry.isDirectory()).reduce((sum, { name }) => sum + (this.#killsOf(`${pod}/${name}`) ?? 0), 0)
    } catch {
      return 0
    }
  }

  #killsOf(name: string): number | undefined {
    try {
      const text = readFileSync(join(this.#root, name, 'memory.events'), 'utf8')
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
    } catch {
      return undefined
    }
  }
}

/** The cgroup of the pod that a container's cgroup is in. */
function podOf(name: string): string | undefined {
  return parseContainerPath(name)?.podUid === undefined ? undefined : name.slice(0, name.lastIndexOf('/'))
}
