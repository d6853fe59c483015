import { systemClock } from '../lib/clock.ts'
import { StatusError } from '../orchestrator/api/status-error.ts'
import type { Client } from '../orchestrator/client/client.ts'
import { createHttpsTransport, TransportError } from '../orchestrator/client/https-transport.ts'
import type { ClusterAccess } from '../orchestrator/client/kubeconfig.ts'
import { KubeconfigError, loadKubeconfig } from '../orchestrator/client/kubeconfig.ts'
import { createClient } from '../orchestrator/client/rest-client.ts'
import { DataFolderError, findDataFolder, presentDataDir } from './data-folder.ts'
import { parseText } from './flag-table.ts'
import { UsageError } from './options.ts'

/** The flags that name a cluster and a namespace in it. */
export const connectionFlags = {
  'data-dir': { placeholder: 'DIR', help: 'the cluster on this machine (default .binnacle)', parse: parseText },
  kubeconfig: { placeholder: 'FILE', help: 'another cluster', parse: parseText },
  context: { placeholder: 'NAME', help: 'of the kubeconfig (default: its current one)', parse: parseText },
  namespace: { placeholder: 'NAME', letter: 'n', help: 'where to look (default: that of the context)', parse: parseText },
} as const

/** Which cluster was meant. */
export interface ConnectionChoice {
  readonly 'data-dir': string | undefined
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly namespace: string | undefined
}

/** Something went wrong that the command expects: shown as one line. */
export class CommandError extends Error {
  readonly code = 'COMMAND'
}

/**
 * Runs a command against the cluster that was chosen, until it ends or Ctrl-C aborts its signal. Answers its exit code, 1 with a line on
 * `complain` when the cluster refuses or can't be reached, 130 after Ctrl-C. Throws `UsageError` and `DataFolderError`.
 */
export async function withCluster(
  choice: ConnectionChoice,
  complain: (line: string) => void,
  work: (cluster: { readonly client: Client; readonly namespace: string; readonly signal: AbortSignal }) => Promise<number>,
): Promise<number> {
  const access = clusterAccessOf(choice)
  const transport = createHttpsTransport({ ...access, clock: systemClock, userAgent: 'binnacle' })
  const abort = new AbortController()
  const interrupt = () => abort.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    const code = await work({ client: createClient(transport), namespace: choice.namespace ?? access.namespace, signal: abort.signal })
    return abort.signal.aborted ? 130 : code
  } catch (error) {
    if (error instanceof StatusError) complain(`Error from server (${error.status.reason}): ${error.message}`)
    else if (error instanceof CommandError) complain(`error: ${error.message}`)
    else if (error instanceof TransportError) complain(`error: ${access.server} cannot be reached: ${error.message}`)
    else throw error
    return abort.signal.aborted ? 130 : 1
  } finally {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
    transport.close()
  }
}

/** How the cluster that was chosen is reached, by its kubeconfig. Throws `UsageError` and `DataFolderError`. */
export function clusterAccessOf({ kubeconfig, context, 'data-dir': dataDir }: Omit<ConnectionChoice, 'namespace'>): ClusterAccess {
  if (kubeconfig !== undefined && dataDir !== undefined) throw new UsageError('--kubeconfig and --data-dir are two clusters: name one')
  const root = dataDir ?? presentDataDir()
  const path = kubeconfig ?? findDataFolder(root)?.kubeconfig
  if (path === undefined) throw new DataFolderError(`there is no cluster in ${root}: \`npm start\` makes one; --kubeconfig names another`)
  try {
    return loadKubeconfig({ path }, context)
  } catch (error) {
    if (error instanceof KubeconfigError) throw new UsageError(`--kubeconfig: ${JSON.stringify(path)}: ${error.message}`)
    throw error
  }
}
