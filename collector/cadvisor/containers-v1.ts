import type { Container } from '../container.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import type { StatsStore } from '../stats-store.ts'
import { agesOf, containerStatsV1 } from './stats.ts'
import type { StatsContext } from './stats.ts'

/** What a v1 request asks for: the newest `count` samples, or those of a span. */
export interface StatsRequest {
  readonly count: number
  readonly startMs?: number
  readonly endMs?: number
  /** Samples closer together than this are left out. */
  readonly stepMs?: number
}

/** No limit, as upstream writes it: the largest 64-bit number, which JavaScript's own numbers can't hold. */
const unlimited: unknown = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('18446744073709551615')

const defaultShares = 1024

/** cAdvisor's v1 `ContainerSpec`. Of the environment only what is allowed: it is where secrets are. */
export function specV1(container: Container) {
  const { description, spec } = container
  const isRoot = description.name === '/'
  return {
    creation_time: timeOf(description.createdMs),
    start_time: timeOf(description.startedMs),
    ...(Object.keys(description.labels).length === 0 ? {} : { labels: description.labels }),
    ...(description.envs === undefined || Object.keys(description.envs).length === 0 ? {} : { envs: description.envs }),
    has_cpu: true,
    cpu: {
      limit: spec.cpuShares ?? defaultShares,
      max_limit: 0,
      ...(spec.cpuMask === undefined ? {} : { mask: spec.cpuMask }),
      ...(spec.cpuQuotaUs === undefined ? {} : { quota: spec.cpuQuotaUs }),
      ...(spec.cpuPeriodUs === undefined ? {} : { period: spec.cpuPeriodUs }),
    },
    has_memory: true,
    memory: {
      limit: spec.memoryLimitBytes ?? unlimited,
      reservation: spec.memoryReservationBytes ?? unlimited,
      ...(description.name === '/' ? {} : { swap_limit: spec.swapLimitBytes ?? unlimited }),
    },
    has_hugetlb: container.details.hugetlb !== undefined,
    has_network: isRoot || description.hasNetwork,
    has_processes: true,
    processes: description.name === '/' ? {} : { limit: spec.processesLimit ?? unlimited },
    has_filesystem: isRoot || container.layerMeasuredAtMs !== undefined,
    has_diskio: true,
    has_custom_metrics: false,
    ...(description.image === '' ? {} : { image: description.image }),
  }
}

/** cAdvisor's `ContainerInfo`. */
export function containerInfo(container: Container, store: StatsStore, request: StatsRequest, context: StatsContext) {
  const { description, ring } = container
  const subcontainers = childrenOf(description.name, store).map(({ description: child }) => ({ name: child.name }))
  return {
    ...(description.id === '' ? {} : { id: description.id }),
    name: description.name,
    ...(description.aliases.length === 0 ? {} : { aliases: description.aliases }),
    ...(description.namespace === '' ? {} : { namespace: description.namespace }),
    ...(subcontainers.length === 0 ? {} : { subcontainers }),
    spec: specV1(container),
    stats: agesOf(ring, request).map((ago) => containerStatsV1(container, ago, context)),
  }
}

/** The cgroups directly below one. */
function childrenOf(name: string, store: StatsStore): Container[] {
  const prefix = name === '/' ? '/' : `${name}/`
  return [...store.all()].filter(({ description }) => {
    const { name: candidate } = description
    if (!candidate.startsWith(prefix) || candidate === '/') return false
    // The next one that is observed counts as the parent; those between may be left out.
    return !candidate.slice(prefix.length).includes('/') || !hasObservedParent(candidate, prefix, store)
  })
}

/** A cgroup and everything below it. */
export function familyOf(name: string, store: StatsStore): Container[] {
  const prefix = name === '/' ? '/' : `${name}/`
  return [...store.all()].filter(({ description }) => description.name === name || description.name.startsWith(prefix))
}

function hasObservedParent(name: string, prefix: string, store: StatsStore): boolean {
  for (let end = name.lastIndexOf('/'); end > prefix.length; end = name.lastIndexOf('/', end - 1)) {
    if (store.get(name.slice(0, end)) !== undefined) return true
  }
  return false
}
