import { resolve } from 'node:path'
import { csiEndpointOf } from '../orchestrator/client/csi/csi-driver.ts'
import { UsageError } from './usage-error.ts'

/** What can be set about the agents of this host's nodes and about drivers of volumes. Names as upstream's where it has such a flag. */
export interface NodeAgentSettings {
  /** CSI drivers at `unix:/path`, by name. */
  readonly csiEndpoints: Readonly<Record<string, string>>
  readonly pluginRegistryPath: string | undefined
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
} as const

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

/** Reads the flags. Throws a `UsageError` that names the flag, the value and what is allowed. */
export function nodeAgentSettings(values: Values): NodeAgentSettings {
  const text = (name: keyof typeof nodeAgentFlags) => values[name] as string | undefined
  const path = text('plugin-registry-path')
  return {
    csiEndpoints: Object.fromEntries(((values['csi-endpoint'] as string[] | undefined) ?? []).map(endpointIn)),
    pluginRegistryPath: path === undefined ? undefined : resolve(path),
  }
}

/** The flags that give the same settings again. */
export function toNodeAgentFlags({ csiEndpoints, pluginRegistryPath }: NodeAgentSettings): string[] {
  return [
    ...Object.entries(csiEndpoints).map(([name, endpoint]) => `--csi-endpoint=${name}=${endpoint}`),
    ...(pluginRegistryPath === undefined ? [] : [`--plugin-registry-path=${pluginRegistryPath}`]),
  ]
}

function endpointIn(text: string): [string, string] {
  const [, name, target] = /^([A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?)=(.+)$/.exec(text) ?? []
  const endpoint = target === undefined ? undefined : csiEndpointOf(target)
  if (name === undefined || endpoint === undefined)
    throw new UsageError(`--csi-endpoint: ${JSON.stringify(text)} is not NAME=unix:/PATH, e.g. hostpath.csi.k8s.io=unix:/run/csi/csi.sock`)
  return [name, endpoint]
}
