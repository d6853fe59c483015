import { systemClock } from '../../lib/clock.ts'
import { withCluster } from '../cluster-connection.ts'
import { DataFolderError, findDataFolder, presentDataDir } from '../data-folder.ts'
import { describeFlagTable, parseCommandLine, parseDuration, parseList, parseOneOf, parseSwitch, parseText } from '../flag-table.ts'
import { addLocalNode, removeNode } from '../local-nodes/local-nodes.ts'
import { UsageError } from '../options.ts'
import type { CommandContext } from './start.ts'

const dataDir = {
  'data-dir': { placeholder: 'DIR', help: 'the cluster on this machine (default .binnacle)', parse: parseText },
} as const

const addFlags = {
  runtime: {
    placeholder: 'docker|simulated',
    help: 'what runs its containers (default: as the cluster)',
    parse: parseOneOf(['docker', 'simulated']),
  },
  labels: { placeholder: 'KEY=VALUE,…', fallback: '', help: 'labels of the node', parse: parseList(parseLabel) },
  cpu: { placeholder: 'QUANTITY', help: 'what it says it has (default: what the machine has)', parse: parseQuantity },
  memory: { placeholder: 'QUANTITY', help: 'what it says it has (default: what the machine has)', parse: parseQuantity },
  timeout: {
    placeholder: 'DURATION',
    fallback: '1m',
    help: 'give up where it is not ready after so long',
    parse: parseDuration(1, 3_600_000),
  },
  ...dataDir,
} as const

const removeFlags = {
  force: {
    fallback: 'false',
    help: 'pods without a controller go, too; budgets are not asked, a dead node is not waited for',
    parse: parseSwitch,
  },
  timeout: {
    placeholder: 'DURATION',
    fallback: '5m',
    help: 'give up where pods are still there after so long',
    parse: parseDuration(1, 86_400_000),
  },
  ...dataDir,
} as const

/** The help text of adding and removing. */
export const describeNodes = (): string =>
  `Usage: binnacle node add [NAME] [FLAGS]\n\nAdds a node on this host to the cluster that runs here.\n\n${describeFlagTable(addFlags)}\n\nUsage: binnacle node remove NAME [FLAGS]\n\nDrains a node and takes it out of the cluster.\n\n${describeFlagTable(removeFlags)}`

/** `node add`, `node remove`. Resolves with the exit code. */
export async function runNodes(verb: 'add' | 'remove', args: readonly string[], context: CommandContext): Promise<number> {
  return verb === 'add' ? add(args, context) : remove(args, context)
}

async function add(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, words } = parseCommandLine(args, addFlags)
  const [name, more] = words
  if (more !== undefined) throw new UsageError(`node add: ${JSON.stringify(more)} is not expected: one NAME at most`)
  if (name !== undefined) checkName(name)
  const { runtime, cpu, memory, labels } = values
  const capacity = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
  return within(values, context, async (cluster) => {
    const wanted = {
      ...(name === undefined ? {} : { name }),
      ...(runtime === undefined ? {} : { runtime }),
      labels: Object.fromEntries(labels),
      capacity,
    }
    const added = await addLocalNode(cluster, wanted, values.timeout)
    context.print(`node/${added} added`)
  })
}

async function remove(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, words } = parseCommandLine(args, removeFlags)
  const [name, more] = words
  if (name === undefined || more !== undefined) throw new UsageError('node remove: exactly one NAME is needed')
  return within(values, context, async (cluster) => {
    await removeNode(cluster, { name, isForced: values.force, timeoutMs: values.timeout, report: context.print })
    context.print(`node/${name} removed`)
  })
}

function within(
  { 'data-dir': dataDir = presentDataDir() }: { readonly 'data-dir': string | undefined },
  context: CommandContext,
  work: (cluster: Parameters<typeof addLocalNode>[0]) => Promise<void>,
): Promise<number> {
  const folder = findDataFolder(dataDir)
  if (folder === undefined) throw new DataFolderError(`there is no cluster in ${dataDir}: \`npm start\` makes one`)
  const choice = { 'data-dir': dataDir, kubeconfig: undefined, context: undefined, namespace: undefined }
  return withCluster(choice, context.complain, async ({ client, signal }) => {
    await work({ folder, client, clock: systemClock, signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    return 0
  })
}

function checkName(name: string): void {
  if (!/^[a-z0-9]([a-z0-9.-]{0,198}[a-z0-9])?$/.test(name))
    throw new UsageError(`node add: ${JSON.stringify(name)} is not a lower case host name (letters, digits, '-' and '.')`)
}

function parseLabel(text: string): readonly [string, string] {
  const match = /^((?:[a-z0-9.-]{1,253}\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)=([A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?|)$/.exec(text)
  if (match === null) throw new UsageError('allowed are labels as KEY=VALUE, with commas between them')
  return [match[1]!, match[2]!]
}

function parseQuantity(text: string): string {
  if (!/^\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?$/.test(text)) throw new UsageError('allowed are quantities such as 4, 500m or 8Gi')
  return text
}
