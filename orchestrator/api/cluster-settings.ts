import type { CoreV1ConfigMap } from './generated/kinds.ts'

/** What a host has to know of its cluster before it can run pods. */
export interface ClusterSettings {
  readonly podCidr: string
  readonly serviceCidr: string
  /** The service address of the cluster's DNS. */
  readonly clusterDns: string
  readonly clusterDomain: string
  /** Where other hosts reach the API server, `https://HOST:PORT`; absent where they cannot. */
  readonly server?: string
}

/** Where the settings are kept; nodes and who joins may read them. */
export const clusterSettingsKey = { namespace: 'kube-system', name: 'binnacle-cluster' } as const

const fields = ['podCidr', 'serviceCidr', 'clusterDns', 'clusterDomain'] as const

/** The object that tells the settings. */
export function clusterSettingsObject(settings: ClusterSettings): CoreV1ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...clusterSettingsKey }, data: { ...settings } }
}

/** Reads them back. Throws an error that names what is missing. */
export function readClusterSettings({ data = {} }: CoreV1ConfigMap): ClusterSettings {
  const missing = fields.filter((field) => !data[field])
  if (missing.length > 0) {
    const { namespace, name } = clusterSettingsKey
    throw new Error(`the ConfigMap ${namespace}/${name} has no ${missing.join(', ')}`)
  }
  return data as unknown as ClusterSettings
}
