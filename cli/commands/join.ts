import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { openDataFolder, findDataFolder, type DataFolder } from '../data-folder.ts'
import { describeFlagTable, parseText } from '../flag-table.ts'
import { JoinError } from '../hosts/join-error.ts'
import type { JoinSecrets } from '../hosts/join-secrets.ts'
import { readJoinedHost } from '../hosts/joined-host.ts'
import { parseOptions, UsageError, type ClusterOptions } from '../options.ts'
import { runCredentials } from '../run-credentials.ts'
import { isRunning, readRunState } from '../state.ts'
import { start, type CommandContext } from './start.ts'

/** The flags of `node --server` beside those of `start`. */
const joinFlags = {
  token: {
    placeholder: 'ID.SECRET',
    help: 'what `npx binnacle token create` printed on the host of the server; a restart needs none',
    parse: parseText,
  },
  'token-file': { placeholder: 'FILE', help: 'a file with the token: a command line can be read by others', parse: parseText },
  'ca-hash': { placeholder: 'sha256:HEX', help: "hash of the key of the cluster's authority", parse: parseText },
  'ca-file': { placeholder: 'FILE', help: "the certificate of the cluster's authority, instead of its hash", parse: parseText },
  name: { placeholder: 'NAME', help: 'the name of the node (default: the host name)', parse: parseText },
} as const
type JoinFlag = keyof typeof joinFlags

/** The help text of the flags. */
export const describeJoin = (): string =>
  `Usage: binnacle node --server https://HOST:PORT --token ID.SECRET --ca-hash sha256:HEX [FLAGS]\n\nMakes this host a node of a running cluster.\n\nFlags, beside those of start\n${describeFlagTable(joinFlags)}`

/** Whether these arguments are about the node of a host that has joined or is to join. */
export function isAboutJoining(args: readonly string[]): boolean {
  if (args.some((arg) => arg.startsWith('--index='))) return false
  if (args.some((arg) => /^--(server|token|token-file|ca-hash|ca-file|name)(=|$)/.test(arg))) return true
  const folder = findDataFolder(parseOptions(args).dataDir)
  return folder !== undefined && readJoinedHost(folder) !== undefined
}

/** `node --server`: joins a cluster unless this host has, then runs its node until Ctrl-C. Resolves with the exit code. */
export async function joinAndStart(args: readonly string[], context: CommandContext): Promise<number> {
  const { rest, given } = takeJoinFlags(args)
  const typed = parseOptions(given.name === undefined ? rest : [...rest, `--node-name=${given.name}`])
  const joined = joinedIn(typed)
  const isNamed = given.name !== undefined || rest.some((arg) => arg.startsWith('--node-name'))
  const options: ClusterOptions = {
    ...typed,
    influxdb: 'none',
    server: typed.server ?? joined?.server,
    nodeName: isNamed ? typed.nodeName : (joined?.nodeName ?? typed.nodeName),
  }
  if (options.server === undefined) throw new UsageError('--server is missing: https://HOST:PORT of the cluster to join')
  if (options.nodes !== 1) throw new UsageError(`--nodes: "${options.nodes}" is not allowed with --server: a host that joins is one node`)
  const secrets = secretsOf(given)
  const isKnown = joined?.server === options.server && joined.nodeName === options.nodeName && joined.isRemoved !== true
  if (secrets === undefined && !isKnown) throw new UsageError(whyTokenIsNeeded(joined?.isRemoved === true))
  const folder = openDataFolder(options.dataDir)
  if (secrets !== undefined && !isRunning(readRunState(folder))) await join(options, secrets, folder, context)
  return start(options, context)
}

async function join(options: ClusterOptions, secrets: JoinSecrets, folder: DataFolder, context: CommandContext): Promise<void> {
  context.print(`Joining ${options.server} as ${options.nodeName}`)
  await runCredentials(options, { input: JSON.stringify(secrets) }).catch((error: Error) => {
    throw new JoinError(error.message)
  })
  context.print(`Node ${options.nodeName} has the pod range ${readJoinedHost(folder)?.podCidr}`)
}

const whyTokenIsNeeded = (isRemoved: boolean) =>
  isRemoved
    ? '--token: this host was removed from the cluster; to join again it needs --token and --ca-hash'
    : '--token: this host has not joined the cluster yet: --token and --ca-hash are needed; `npx binnacle token create` on the host of the server prints the whole command'

function joinedIn({ dataDir }: ClusterOptions) {
  const folder = findDataFolder(dataDir)
  if (folder === undefined) return undefined
  if (existsSync(folder.path('pki', 'ca.key')))
    throw new UsageError(
      `--data-dir: ${JSON.stringify(dataDir)} holds a cluster of its own; choose another folder for this host as part of another cluster`,
    )
  return readJoinedHost(folder)
}

/** Takes the flags of joining out of the arguments, written `--name value` or `--name=value`. */
function takeJoinFlags(args: readonly string[]): { readonly rest: string[]; readonly given: Partial<Record<JoinFlag, string>> } {
  const rest: string[] = []
  const given: Partial<Record<JoinFlag, string>> = {}
  for (let index = 0; index < args.length; index++) {
    const [, name = '', , value] = /^--([a-z-]+)(=(.*))?$/s.exec(args[index]!) ?? []
    if (!Object.hasOwn(joinFlags, name)) {
      rest.push(args[index]!)
      continue
    }
    const text = value ?? args[++index]
    if (text === undefined || text === '') throw new UsageError(`--${name} needs a value: ${joinFlags[name as JoinFlag].placeholder}`)
    given[name as JoinFlag] = text
  }
  return { rest, given }
}

function secretsOf(given: Partial<Record<JoinFlag, string>>): JoinSecrets | undefined {
  if (given.token !== undefined && given['token-file'] !== undefined) throw new UsageError('--token and --token-file: give one of them')
  const token = given['token-file'] === undefined ? given.token : readText('token-file', given['token-file']).trim()
  const { 'ca-hash': hash, 'ca-file': file } = given
  if (hash !== undefined && file !== undefined) throw new UsageError('--ca-hash and --ca-file: give one of them')
  if (hash !== undefined && !/^sha256:[0-9a-f]{64}$/.test(hash))
    throw new UsageError(`--ca-hash: ${JSON.stringify(hash)} is not sha256: and 64 hex digits`)
  if (token === undefined) return undefined
  const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? []
  // The token itself is not repeated: it may be nearly right, and output is kept.
  if (id === undefined || secret === undefined)
    throw new UsageError('--token: what was given is not ID.SECRET, 6 and 16 lower case letters and digits')
  if (hash === undefined && file === undefined)
    throw new UsageError('--ca-hash or --ca-file is needed, so that nobody else can pose as the cluster')
  return { token: { id, secret }, trust: hash === undefined ? { authority: authorityOf(file!) } : { hash } }
}

function authorityOf(file: string): string {
  const text = readText('ca-file', file)
  try {
    return new X509Certificate(text).toString()
  } catch {
    throw new UsageError(`--ca-file: ${JSON.stringify(file)} is not a certificate in PEM`)
  }
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--${flag}: ${JSON.stringify(file)} cannot be read: ${(error as Error).message}`)
  }
}
