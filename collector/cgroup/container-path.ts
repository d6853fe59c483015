/** What the path of a container's cgroup tells. */
export interface ContainerPath {
  /** 64 hexadecimal digits. */
  readonly id: string
  /** Upstream's name of the runtime; empty where the path doesn't tell (the cgroupfs driver of a kubelet). */
  readonly runtime: 'docker' | 'containerd' | 'crio' | 'podman' | ''
  /** Of the pod whose cgroup it is in. */
  readonly podUid: string | undefined
}

const ownNamePattern = /^(?:(docker|cri-containerd|nerdctl|crio|libpod)-)?([0-9a-f]{64})(?:\.scope)?$/

const runtimes: Readonly<Record<string, ContainerPath['runtime']>> = {
  docker: 'docker',
  'cri-containerd': 'containerd',
  nerdctl: 'containerd',
  crio: 'crio',
  libpod: 'podman',
}

/** A pod's cgroup: `pod<uid>` of the cgroupfs driver, `kubepods-burstable-pod<uid with _>.slice` of systemd's; mirror pods have a hash for a uid. */
const podPattern = /^(?:.*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/

/**
 * Whose cgroup a path is, as the runtimes write it; `undefined` for whatever is no container's own cgroup, such as what a container makes
 * inside of its own, and the monitors that some runtimes put beside (`crio-conmon-…`, `libpod-conmon-…`).
 */
export function parseContainerPath(path: string): ContainerPath | undefined {
  const names = path.split('/')
  const [, prefix = '', id] = ownNamePattern.exec(names.at(-1) ?? '') ?? []
  if (id === undefined) return undefined
  const podUid = podPattern.exec(names.at(-2) ?? '')?.[1]?.replaceAll('_', '-')
  const runtime = runtimes[prefix] ?? (names.at(-2) === 'docker' ? 'docker' : '')
  return { id, runtime, podUid }
}
