import { existsSync, readFileSync } from 'node:fs'
import type { ClusterSettings } from '../../orchestrator/api/cluster-settings.ts'
import { DataFolderError, writeFileAtomically, type DataFolder } from '../data-folder.ts'

/** What the data folder of a host that has joined a cluster says of it. Keys and certificates are beside it, under `pki/`. */
export interface JoinedHost {
  /** `https://HOST:PORT` */
  readonly server: string
  readonly nodeName: string
  /** Where other hosts reach this one. */
  readonly address: string
  /** That of the Node as this host last registered it. */
  readonly nodeUid: string
  /** The node's range of the pod network. */
  readonly podCidr: string
  readonly settings: ClusterSettings
  /** The node was removed from the cluster: it does not go back by itself. */
  readonly isRemoved?: boolean
}

/** Names of the files under `pki/`: the node as a client of the API server, and as a server. */
export const clientPairOf = (nodeName: string) => `node-${nodeName}-client`
export const servingPairOf = (nodeName: string) => `node-${nodeName}`

const fileOf = (folder: DataFolder) => folder.path('joined.json')

/** What was written last; `undefined` in the folder of a cluster's own host. */
export function readJoinedHost(folder: DataFolder): JoinedHost | undefined {
  const file = fileOf(folder)
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JoinedHost
  } catch (error) {
    throw new DataFolderError(`${file} is damaged: ${(error as Error).message}; remove it and join again`)
  }
}

export function writeJoinedHost(folder: DataFolder, host: JoinedHost): void {
  writeFileAtomically(fileOf(folder), JSON.stringify(host))
}
