import { defaultTags, heapsterTags } from './schema.ts'
import type { SchemaName } from './schema.ts'

/** Where InfluxDB is, what is written there, and for how long it is to be kept. Durations are InfluxQL's, `INF` means for ever. */
export interface InfluxOptions {
  /** `http://host:8086` or `https://…`, without a path or with the one a proxy adds. */
  readonly url: string
  /** Default `k8s`, as Heapster's. */
  readonly database?: string
  readonly username?: string
  readonly password?: string
  /** How long points are kept, e.g. `30d`; `INF` (the default) for ever. Applied to an existing database too. */
  readonly retention?: string
  /** The retention policy that points go to. Default `default`, as Heapster's. */
  readonly policy?: string
  /** Per tier how long it is kept, or `none` for no such tier. Default `90d` and `INF`. */
  readonly tiers?: Partial<Readonly<Record<TierName, string>>>
  /** The tag `cluster_name`, where it is another than that of everything else. */
  readonly clusterName?: string
  /** Default `default`. */
  readonly schema?: SchemaName
  /** Labels that are tags besides those by which entities are told apart. */
  readonly tags?: readonly string[]
  /** No series beyond this many. Default 1,000,000, InfluxDB's own limit. */
  readonly maxSeries?: number
  /** A server that speaks the API of version 2: points go to this bucket; it is not made here, nor kept. */
  readonly v2?: { readonly org: string; readonly bucket: string; readonly token: string }
  readonly tls?: { readonly ca?: string; readonly isUnverified?: boolean }
  /** Whether database, policies and tiers are made and kept as these options say, which an account must be allowed to. Default true. */
  readonly isManaged?: boolean
  /** Whether metrics that only grow are written. Default true. */
  readonly hasCounters?: boolean
}

/** What older points are kept as: one per five minutes, one per hour. */
export const tierNames = ['5m', '1h'] as const
export type TierName = (typeof tierNames)[number]

/** The options with every default filled in. */
export interface InfluxSettings extends Required<
  Omit<InfluxOptions, 'username' | 'password' | 'clusterName' | 'retention' | 'v2' | 'tls' | 'tiers'>
> {
  readonly credentials: { readonly username: string; readonly password: string } | undefined
  /** `undefined`: nobody has asked, an existing policy keeps what it has. */
  readonly retention: string | undefined
  readonly tiers: Readonly<Record<TierName, string>>
  readonly v2: InfluxOptions['v2']
  readonly tls: NonNullable<InfluxOptions['tls']>
}

const defaultTiers: Readonly<Record<TierName, string>> = { '5m': '90d', '1h': 'INF' }
const namePattern = /^\w[\w.-]{0,63}$/
const durationPattern = /^(INF|(\d{1,9}(ns|u|ms|s|m|h|d|w))+)$/

/** Fills in what is not said; throws a RangeError that names the field when an option cannot be used. */
export function resolveInfluxOptions(options: InfluxOptions): InfluxSettings {
  const { url, database = 'k8s', username, password = '', retention, policy = 'default', schema = 'default' } = options
  const { tags = defaultTags, maxSeries = 1_000_000, v2, tls = {}, isManaged = v2 === undefined, hasCounters = true } = options
  const tiers = { ...defaultTiers, ...options.tiers }
  const credentials = username === undefined ? undefined : { username, password }
  const allTags = tags.includes('heapster') ? [...heapsterTags, ...tags.filter((tag) => tag !== 'heapster')] : tags
  const settings = {
    url,
    database,
    policy,
    schema,
    tags: allTags,
    maxSeries,
    isManaged,
    hasCounters,
    credentials,
    retention,
    tiers,
    v2,
    tls,
  }
  checkSettings(settings)
  return settings
}

function checkSettings({ url, database, policy, retention, tiers, maxSeries }: InfluxSettings): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : ''
  if (!['http:', 'https:'].includes(protocol)) throw new RangeError(`influx.url: ${JSON.stringify(url)} is not an http:// or https:// URL`)
  checkName('influx.database', database)
  checkName('influx.policy', policy)
  if (tierNames.some((name) => name === policy)) throw new RangeError(`influx.policy: ${JSON.stringify(policy)} is the name of a tier`)
  if (retention !== undefined) checkDuration('influx.retention', retention)
  for (const name of tierNames) if (tiers[name] !== 'none') checkDuration(`influx.tiers.${name}`, tiers[name])
  if (Number.isInteger(maxSeries) && maxSeries >= 1) return
  throw new RangeError(`influx.maxSeries: ${maxSeries} must be a whole number from 1 on`)
}

function checkName(field: string, name: string): void {
  if (namePattern.test(name)) return
  throw new RangeError(
    `${field}: ${JSON.stringify(name)} must be 1 to 64 letters, digits, "_", "." or "-", beginning with a letter or digit`,
  )
}

function checkDuration(field: string, duration: string): void {
  if (durationPattern.test(duration)) return
  throw new RangeError(`${field}: ${JSON.stringify(duration)} must be "INF" or a duration such as "30d" or "12h" (units: s, m, h, d, w)`)
}

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  u: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** An InfluxQL duration as ms; `INF` and zero are Infinity. */
export function durationMs(duration: string): number {
  if (duration === 'INF') return Infinity
  const ms = [...duration.matchAll(/(\d+)([a-z]+)/g)].reduce((sum, [, number, unit]) => sum + Number(number) * (unitsMs[unit!] ?? 0), 0)
  return ms === 0 ? Infinity : ms
}
