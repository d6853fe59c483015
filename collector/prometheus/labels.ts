import type { Container, ContainerDescription } from '../container.ts'

/** Labels as they stand between braces: `a="1",b="2"`, encoded. Empty for none. */
export type Labels = Buffer

/** Label values longer than this are cut, so that nobody's label fills a time series database. */
const maxValueLength = 1024
/** Labels of one container beyond this number are left out, and so are names of labels that are longer. */
const maxContainerLabels = 64
const maxNameLength = 128

/** What was cut since the start. */
export interface CutCounts {
  values: number
  names: number
  labels: number
}

/** A label value as it stands between quotes: backslash, quote and line feed escaped, malformed UTF-16 replaced, length bounded. */
export function escapeLabel(value: string): string {
  const bounded = value.length > maxValueLength ? value.slice(0, maxValueLength) : value
  return bounded.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Labels rendered in the order given. */
export function renderLabels(labels: Readonly<Record<string, string>>): Labels {
  return Buffer.from(
    Object.entries(labels)
      .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
      .join(','),
  )
}

/** No labels. */
export const noLabels: Labels = Buffer.alloc(0)

/** Which labels a container's series have. */
export interface LabelOptions {
  /** Put the union of the labels of all containers on every series, empty where absent, as upstream does by default. */
  readonly hasUnion: boolean
  /** Names of container labels that `container_info` shows. */
  readonly allowed: readonly string[]
}

/** The labels that every series of a container has: a fixed set, whatever labels containers carry. */
function fixedLabels({ name, id, aliases, image, pod }: ContainerDescription): Record<string, string> {
  return {
    container: pod?.container ?? '',
    id: name,
    image,
    name: id === '' ? '' : (aliases[0] ?? ''),
    namespace: pod?.namespace ?? '',
    pod: pod?.name ?? '',
  }
}

/**
 * Labels of containers, rendered once per description. On the collector's own page empty ones are left out, which is the same to
 * Prometheus; a kubelet writes them.
 */
export class SeriesLabels {
  readonly cut: CutCounts = { values: 0, names: 0, labels: 0 }
  readonly #options: LabelOptions
  readonly #own = new WeakMap<ContainerDescription, Labels>()
  readonly #kubelet = new WeakMap<ContainerDescription, Labels>()
  readonly #info = new WeakMap<ContainerDescription, Labels>()
  #unionNames: readonly string[] = []
  #unionOf = new WeakSet<ContainerDescription>()
  #unionLabels = new WeakMap<ContainerDescription, Labels>()

  constructor(options: LabelOptions) {
    this.#options = options
  }

  /** A kubelet's labels. */
  kubelet({ description }: Container): Labels {
    return remembered(this.#kubelet, description, () => renderLabels(fixedLabels(description)))
  }

  /** The labels of a series on the collector's own page. `prepare` must have seen the containers of the scrape. */
  own({ description }: Container): Labels {
    const known = this.#options.hasUnion ? this.#unionLabels : this.#own
    return remembered(known, description, () => {
      const labels = this.#counted(withoutEmpty(fixedLabels(description)))
      if (!this.#options.hasUnion) return renderLabels(labels)
      const dynamic = this.#dynamicLabels(description, () => true)
      return renderLabels({ ...labels, ...Object.fromEntries(this.#unionNames.map((name) => [name, dynamic[name] ?? ''])) })
    })
  }

  /** The labels of `container_info`: the series' own, and what of the container's labels and environment is allowed. */
  info({ description }: Container): Labels {
    const isAllowed = (name: string) => this.#options.allowed.includes(name)
    return remembered(this.#info, description, () =>
      renderLabels({ ...withoutEmpty(fixedLabels(description)), ...this.#dynamicLabels(description, isAllowed) }),
    )
  }

  /** Looks at the containers of a scrape: a container that brings new names changes the union, and with it the labels of all. */
  prepare(containers: readonly Container[]): void {
    if (!this.#options.hasUnion || containers.every(({ description }) => this.#unionOf.has(description))) return
    this.#unionOf = new WeakSet(containers.map(({ description }) => description))
    const names = new Set(containers.flatMap(({ description }) => Object.keys(this.#dynamicLabels(description, () => true))))
    const bounded = [...names].sort().slice(0, maxContainerLabels)
    this.cut.labels += names.size - bounded.length
    this.#unionNames = bounded
    this.#unionLabels = new WeakMap()
  }

  /** `container_label_*` and `container_env_*`, with names that Prometheus takes; of two that become the same the first counts. */
  #dynamicLabels({ labels, envs = {} }: ContainerDescription, isAllowed: (name: string) => boolean): Record<string, string> {
    const result: Record<string, string> = {}
    const entries = [
      ...Object.entries(labels)
        .filter(([name]) => isAllowed(name))
        .map(([name, value]) => [`container_label_${name}`, value] as const),
      ...Object.entries(envs).map(([name, value]) => [`container_env_${name}`, value] as const),
    ]
    let count = 0
    for (const [name, value] of entries) {
      const safe = name.slice(0, maxNameLength).replaceAll(/[^a-zA-Z0-9_]/g, '_')
      if (name.length > maxNameLength) this.cut.names++
      if (Object.hasOwn(result, safe) || count >= maxContainerLabels) {
        this.cut.labels++
        continue
      }
      result[safe] = value
      count++
    }
    return this.#counted(result)
  }

  #counted(labels: Record<string, string>): Record<string, string> {
    for (const value of Object.values(labels)) if (value.length > maxValueLength) this.cut.values++
    return labels
  }
}

function withoutEmpty(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''))
}

function remembered(known: WeakMap<ContainerDescription, Labels>, description: ContainerDescription, make: () => Labels): Labels {
  const labels = known.get(description)
  if (labels !== undefined) return labels
  const made = make()
  known.set(description, made)
  return made
}
