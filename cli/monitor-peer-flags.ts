import { alertPeerFlags, alertPeerSettings, ruleLeaseName } from './alert-peer-flags.ts'
import type { AlertPeerSettings } from './alert-peer-flags.ts'
import { parseFlagTable } from './flag-table.ts'
import type { FlagSpec, FlagValues } from './flag-table.ts'

/** Among a cluster's flags those of its alerts say so. */
const prefix = 'alerts-'

const table = { ...alertPeerFlags, 'lease-name': { ...alertPeerFlags['lease-name'], fallback: ruleLeaseName } }
type Name = keyof typeof table
const prefixed: Readonly<Record<string, FlagSpec<unknown>>> = Object.fromEntries(
  Object.entries(table).map(([name, spec]) => [`${prefix}${name}`, spec]),
)

/** Flags of a monitor that shares its alerts with others, in the form of a cluster's flags and in the order of the help text. */
export const monitorPeerFlags = Object.fromEntries(
  Object.entries(prefixed).map(([name, { placeholder, help, fallback }]) => [
    name,
    { value: placeholder!, help, ...(fallback !== undefined && { fallback }) },
  ]),
) as {
  readonly [N in keyof typeof alertPeerFlags as `alerts-${N}`]: {
    readonly value: string
    readonly help: string
    readonly fallback?: string
  }
}

/** What the flags come to; `undefined`: the monitor alone has the alerts. Throws `UsageError`. */
export function monitorPeers(values: Readonly<Record<string, unknown>>): AlertPeerSettings | undefined {
  const given = Object.keys(prefixed).filter((name) => typeof values[name] === 'string')
  const parsed = parseFlagTable(
    given.map((name) => `--${name}=${String(values[name])}`),
    prefixed,
  )
  const plain = Object.entries(parsed).map(([name, value]) => [name.slice(prefix.length), value])
  return alertPeerSettings(Object.fromEntries(plain) as FlagValues<typeof table>, prefix)
}

/** The flags that give the same settings again. */
export function toMonitorPeerFlags(settings: AlertPeerSettings | undefined): string[] {
  if (settings === undefined) return []
  const { name, listen, advertise, tls, lease, takeOverAfterMs } = settings
  const values: Readonly<Record<Name, string | undefined>> = {
    peers: `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`,
    name,
    'peer-advertise': advertise,
    'peer-ca': tls?.ca,
    'peer-cert': tls?.cert,
    'peer-key': tls?.key,
    'lease-name': lease.name,
    'lease-namespace': lease.namespace,
    'lease-duration': `${lease.durationMs}ms`,
    'take-over-after': takeOverAfterMs === undefined ? undefined : `${takeOverAfterMs}ms`,
  }
  return Object.entries(values).flatMap(([flag, value]) => (value === undefined ? [] : [`--${prefix}${flag}=${value}`]))
}
