/** What the page asks of the collector's own API. */

/** Ready-made figures by name; what is absent could not be measured. */
export type Figures = Readonly<Record<string, number | undefined>>

/** A container in the answer of `/api/v2.1/rates`. */
export interface Rates {
  readonly timestamp?: string
  readonly window_seconds?: number
  readonly figures?: Figures
  readonly aliases?: readonly string[]
  readonly image?: string
  readonly pod?: { readonly name: string; readonly namespace: string; readonly container: string; readonly isSandbox: boolean }
  readonly started: string
  readonly health?: string
  readonly nearest_limits: {
    readonly cpu?: { readonly cores: number; readonly of: string }
    readonly memory?: { readonly bytes: number; readonly of: string }
  }
}

/** The course of figures, as `/api/v2.1/history` tells it. Times are seconds since the epoch. */
export interface Course {
  readonly start: string
  readonly end: string
  readonly step_seconds: number
  readonly resolution_seconds: number
  readonly times: readonly number[]
  readonly figures: Readonly<
    Record<
      string,
      { readonly unit: string; readonly mean: readonly (number | null)[]; readonly max: readonly (number | null)[] } | undefined
    >
  >
}

export interface Process {
  readonly user: string
  readonly pid: number
  readonly parent_pid: number
  readonly start_time: string
  readonly percent_cpu: number
  readonly percent_mem: number
  readonly rss: number
  readonly virtual_size: number
  readonly status: string
  readonly running_time: string
  readonly cgroup_path: string
  readonly cmd: string
  readonly fd_count: number
}

export interface Spec {
  readonly creation_time: string
  readonly image?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly cpu?: { readonly limit: number; readonly mask?: string }
  readonly processes?: { readonly limit?: number }
}

export interface ContainerEvent {
  readonly container_name: string
  readonly timestamp: string
  readonly event_type: string
  readonly event_data: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export interface FileSystem {
  readonly device: string
  readonly mountpoint: string
  readonly capacity: number
  readonly usage: number
}

/** Where the collector is mounted, without a slash at the end. */
export const mount = (document.querySelector<HTMLMetaElement>('meta[name=mount]')?.content ?? '/').replace(/\/$/, '')

/** The address of a container in a part of the API, or of its page. */
export function addressOf(part: string, name: string, query: Readonly<Record<string, string>> = {}): string {
  const path = name.split('/').map(encodeURIComponent).join('/')
  const text = new URLSearchParams(query).toString()
  return `${mount}${part}${path}${text === '' ? '' : `?${text}`}`
}

/** Fetches JSON; rejects with what the collector says. */
export async function getJson<T>(address: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(address, signal === undefined ? {} : { signal })
  if (!response.ok) throw new Error((await response.text()).trim())
  return (await response.json()) as T
}
