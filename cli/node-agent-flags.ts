import { csiEndpointOf } from '../orchestrator/client/csi/csi-driver.ts'
import { evictionThresholds, parseThresholds } from '../orchestrator/node/eviction/thresholds.ts'
import { parseReservation } from '../orchestrator/node/node-status/allocatable.plan.ts'
import { pathIn, pathOf } from './option-values.ts'
import { UsageError } from './usage-error.ts'

/** What can be set about the agents of this host's nodes and about drivers of volumes. Names as upstream's where it has such a flag. */
export interface NodeAgentSettings {
  /** CSI drivers at `unix:/path`, by name. */
  readonly csiEndpoints: Readonly<Record<string, string>>
  readonly pluginRegistryPath: string | undefined
  /** `undefined`: the default thresholds; '': none. */
  readonly evictionHard: string | undefined
  readonly evictionSoft: string | undefined
  readonly evictionSoftGracePeriod: string | undefined
  readonly evictionMinimumReclaim: string | undefined
  /** Seconds. */
  readonly evictionMaxPodGracePeriod: number | undefined
  readonly systemReserved: string | undefined
  readonly kubeReserved: string | undefined
  readonly allowedUnsafeSysctls: readonly string[]
  readonly credentialProviders: CredentialProviderFiles | undefined
}

/** Programs that know credentials of registries. */
export interface CredentialProviderFiles {
  readonly configPath: string
  readonly binDir: string
}

/** The flags, in the order of the help text. */
export const nodeAgentFlags = {
  'csi-endpoint': {
    value: 'NAME=unix:/PATH',
    isRepeatable: true,
    help: 'a CSI driver that nodes and controllers call directly, without registration and sidecars',
  },
  'plugin-registry-path': {
    value: 'DIR',
    help: 'registration sockets of CSI drivers (default: nodes/NAME/plugins_registry in the data folder)',
  },
  'eviction-hard': {
    value: 'LIST',
    help: 'when nodes give pods up, e.g. memory.available<100Mi,nodefs.available<10% (default: 100Mi of memory, 3% of disks)',
  },
  'eviction-soft': { value: 'LIST', help: 'like --eviction-hard, for what lasts: pods get time to end' },
  'eviction-soft-grace-period': { value: 'LIST', help: 'how long each soft threshold has to be met, e.g. memory.available=1m30s' },
  'eviction-minimum-reclaim': { value: 'LIST', help: 'how much more has to be free again, e.g. nodefs.available=500Mi' },
  'eviction-max-pod-grace-period': { value: 'SECONDS', help: 'the longest that pods may take to end at a soft threshold (default 0)' },
  'system-reserved': { value: 'LIST', help: 'what of each node pods do not get, e.g. cpu=100m,memory=200Mi' },
  'kube-reserved': { value: 'LIST', help: 'the same, for the parts of the cluster itself' },
  'allowed-unsafe-sysctls': {
    value: 'LIST',
    help: 'kernel parameters that pods may set beyond the safe ones, e.g. net.core.somaxconn,kernel.msg*',
  },
  'image-credential-provider-config': { value: 'FILE', help: 'programs that know credentials of registries (CredentialProviderConfig)' },
  'image-credential-provider-bin-dir': { value: 'DIR', help: 'where those programs are' },
} as const

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

/** Reads the flags. Throws a `UsageError` that names the flag, the value and what is allowed. */
export function nodeAgentSettings(values: Values): NodeAgentSettings {
  const text = (name: keyof typeof nodeAgentFlags) => values[name] as string | undefined
  const settings = {
    csiEndpoints: Object.fromEntries(((values['csi-endpoint'] as string[] | undefined) ?? []).map(endpointIn)),
    pluginRegistryPath: pathOf('plugin-registry-path', text('plugin-registry-path')),
    evictionHard: text('eviction-hard'),
    evictionSoft: text('eviction-soft'),
    evictionSoftGracePeriod: text('eviction-soft-grace-period'),
    evictionMinimumReclaim: text('eviction-minimum-reclaim'),
    evictionMaxPodGracePeriod: secondsIn(text('eviction-max-pod-grace-period')),
    systemReserved: text('system-reserved'),
    kubeReserved: text('kube-reserved'),
    credentialProviders: providersOf(text('image-credential-provider-config'), text('image-credential-provider-bin-dir')),
    allowedUnsafeSysctls: (text('allowed-unsafe-sysctls') ?? '')
      .split(',')
      .filter((name) => name !== '')
      .map(sysctlIn),
  }
  refuse('eviction-hard', () => parseThresholds(settings.evictionHard ?? ''))
  refuse('eviction-soft, --eviction-soft-grace-period, --eviction-minimum-reclaim', () => evictionThresholds(settings, ''))
  refuse('system-reserved', () => parseReservation(settings.systemReserved ?? ''))
  refuse('kube-reserved', () => parseReservation(settings.kubeReserved ?? ''))
  return settings
}

function providersOf(config: string | undefined, binDir: string | undefined): CredentialProviderFiles | undefined {
  if (config === undefined && binDir === undefined) return undefined
  if (config === undefined || binDir === undefined)
    throw new UsageError('--image-credential-provider-config and --image-credential-provider-bin-dir go together')
  return { configPath: pathIn('image-credential-provider-config', config), binDir: pathIn('image-credential-provider-bin-dir', binDir) }
}

/** What a part of the node refuses is a mistake in a flag. */
function refuse(flag: string, read: () => unknown): void {
  try {
    read()
  } catch (error) {
    throw new UsageError(`--${flag}: ${(error as Error).message}`)
  }
}

function secondsIn(text: string | undefined): number | undefined {
  if (text !== undefined && (!/^\d{1,5}$/.test(text) || Number(text) > 86_400))
    throw new UsageError(`--eviction-max-pod-grace-period: ${JSON.stringify(text)} is not a number of seconds from 0 to 86400`)
  return text === undefined ? undefined : Number(text)
}

/** The flags that give the same settings again. */
export function toNodeAgentFlags(settings: NodeAgentSettings): string[] {
  const pairs: readonly (readonly [keyof typeof nodeAgentFlags, string | number | undefined])[] = [
    ...Object.entries(settings.csiEndpoints).map(([name, endpoint]) => ['csi-endpoint', `${name}=${endpoint}`] as const),
    ['plugin-registry-path', settings.pluginRegistryPath],
    ['eviction-hard', settings.evictionHard],
    ['eviction-soft', settings.evictionSoft],
    ['eviction-soft-grace-period', settings.evictionSoftGracePeriod],
    ['eviction-minimum-reclaim', settings.evictionMinimumReclaim],
    ['eviction-max-pod-grace-period', settings.evictionMaxPodGracePeriod],
    ['system-reserved', settings.systemReserved],
    ['kube-reserved', settings.kubeReserved],
    ['image-credential-provider-config', settings.credentialProviders?.configPath],
    ['image-credential-provider-bin-dir', settings.credentialProviders?.binDir],
    ['allowed-unsafe-sysctls', settings.allowedUnsafeSysctls.length === 0 ? undefined : settings.allowedUnsafeSysctls.join()],
  ]
  return pairs.filter(([, value]) => value !== undefined).map(([name, value]) => `--${name}=${value}`)
}

function sysctlIn(text: string): string {
  if (!/^[a-z0-9][-\w./]{0,252}\*?$/.test(text))
    throw new UsageError(
      `--allowed-unsafe-sysctls: ${JSON.stringify(text)} is neither a name such as net.core.somaxconn nor the beginning of some such as kernel.msg*`,
    )
  return text
}

function endpointIn(text: string): [string, string] {
  const [, name, target] = /^([A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?)=(.+)$/.exec(text) ?? []
  const endpoint = target === undefined ? undefined : csiEndpointOf(target)
  if (name === undefined || endpoint === undefined)
    throw new UsageError(`--csi-endpoint: ${JSON.stringify(text)} is not NAME=unix:/PATH, e.g. hostpath.csi.k8s.io=unix:/run/csi/csi.sock`)
  return [name, endpoint]
}
