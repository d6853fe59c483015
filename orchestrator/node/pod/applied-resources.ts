import type { CoreV1Container, CoreV1Pod, CoreV1ResourceRequirements } from '../../api/generated/kinds.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import type { PodServices } from './pod-services.ts'
import { newestAttempt } from './pod-view.ts'
import { pendingResize, resizeOf, resumedResources } from './resize.plan.ts'
import type { PendingResize } from './resize.plan.ts'

/** What the running containers of one pod have been given, by container id; of those that an earlier agent started, what it has told. */
export class AppliedResources {
  readonly #services: Pick<PodServices, 'pods' | 'settings'>
  readonly #byId = new Map<string, CoreV1ResourceRequirements>()
  /** What the latest attempt of each container has, or had. */
  readonly #byName = new Map<string, CoreV1ResourceRequirements>()

  constructor(services: Pick<PodServices, 'pods' | 'settings'>) {
    this.#services = services
  }

  get all(): ReadonlyMap<string, CoreV1ResourceRequirements> {
    return this.#byId
  }

  set({ id, name }: Pick<ObservedContainer, 'id' | 'name'>, resources: CoreV1ResourceRequirements): void {
    this.#byId.set(id, resources)
    this.#byName.set(name, resources)
  }

  /** What a container is started with: what it asks for, or as long as the node does not give that what it had before. */
  forStart(pod: CoreV1Pod, container: CoreV1Container): CoreV1ResourceRequirements {
    const { name, resources = {} } = container
    const had = this.#byName.get(name)
    if (had === undefined || resizeOf(container, had) === undefined) return resources
    return this.#pendingOf(pod) === undefined ? resources : had
  }

  forget(id: string): void {
    this.#byId.delete(id)
  }

  /** Why the pod does not get what it asks for; looked at only while a running container has something else. */
  pending(pod: CoreV1Pod, containers: readonly ObservedContainer[]): PendingResize | undefined {
    const different = pod.spec.containers.filter((container) => {
      const newest = newestAttempt({ containers }, container.name)
      if (newest?.state !== 'running') return false
      const told = pod.status?.containerStatuses?.find(({ containerID }) => containerID?.endsWith(newest.id) === true)?.resources
      const has = this.#byId.get(newest.id) ?? resumedResources(container, told)
      this.set(newest, has)
      return resizeOf(container, has) !== undefined
    })
    return different.length === 0 ? undefined : this.#pendingOf(pod)
  }

  #pendingOf(pod: CoreV1Pod): PendingResize | undefined {
    return pendingResize(pod, this.#services.pods(), this.#services.settings.allocatable)
  }
}
