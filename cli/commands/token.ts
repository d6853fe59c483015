import { toTimestamp, systemClock } from '../../lib/clock.ts'
import { systemRandom } from '../../lib/random.ts'
import { bootstrapTokenKey, isExpired, newBootstrapToken, readBootstrapToken } from '../../orchestrator/api/bootstrap-token.ts'
import { clusterSettingsKey, readClusterSettings } from '../../orchestrator/api/cluster-settings.ts'
import { CoreV1ConfigMap, CoreV1Secret } from '../../orchestrator/api/generated/kinds.ts'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { CommandError, connectionFlags, withCluster } from '../cluster-connection.ts'
import { describeFlagTable, parseCommandLine, parseDuration, parseLine } from '../flag-table.ts'
import { hashOfAuthority } from '../hosts/trust.ts'
import { UsageError } from '../options.ts'
import type { CommandContext } from './start.ts'

const hourMs = 3_600_000
const yearMs = 365 * 24 * hourMs

const { namespace: _, ...clusterFlags } = connectionFlags
const flags = {
  ttl: {
    placeholder: 'DURATION',
    fallback: '24h',
    help: 'how long the token is good; 0: until it is deleted',
    parse: parseDuration(0, yearMs),
  },
  description: { placeholder: 'TEXT', help: 'what the token is for', parse: parseLine },
  ...clusterFlags,
} as const

const verbs = ['create', 'list', 'delete'] as const

/** The help text. */
export const describeToken = (): string =>
  `Usage: binnacle token create [--ttl 24h] [--description TEXT] | list | delete ID\n\nTokens with which other hosts join the cluster.\n\nFlags\n${describeFlagTable(flags)}`

/** `token`: makes, lists and deletes what hosts join with. Resolves with the exit code. */
export async function runToken(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, words } = parseCommandLine(args, flags)
  const [verb, id, more] = words
  if (!verbs.some((each) => each === verb)) throw new UsageError(`token: ${JSON.stringify(verb ?? '')} is not one of ${verbs.join(', ')}`)
  const extra = verb === 'delete' ? more : id
  if (extra !== undefined) throw new UsageError(`token ${verb}: ${JSON.stringify(extra)} is not expected`)
  if (verb === 'delete' && !/^[a-z0-9]{6}(\.[a-z0-9]{16})?$/.test(id ?? ''))
    throw new UsageError('token delete: the ID of a token is needed, 6 lower case letters and digits; `binnacle token list` shows them')
  return withCluster({ ...values, namespace: undefined }, context.complain, async ({ client }) => {
    if (verb === 'create') await create(client, { ttlMs: values.ttl, description: values.description }, context)
    else if (verb === 'list') await list(client, context)
    else await remove(client, id!.slice(0, 6), context)
    return 0
  })
}

async function create(
  client: Client,
  { ttlMs, description }: { readonly ttlMs: number; readonly description: string | undefined },
  context: CommandContext,
): Promise<void> {
  const { server, hash } = await readCluster(client)
  const id = systemRandom.suffix(6)
  const secret = systemRandom.suffix(16)
  const expiresAt = ttlMs === 0 ? undefined : toTimestamp(systemClock.now() + ttlMs)
  await client.create(CoreV1Secret, newBootstrapToken({ id, secret, expiresAt, description }))
  context.print(`npx binnacle node --server ${server ?? 'https://HOST:PORT'} --token ${id}.${secret} --ca-hash ${hash}`)
  if (server === undefined) {
    context.complain(
      'The API server listens on this machine only: no other host can join. Start it with --advertise-address=IP, the address at which others reach this host',
    )
  }
}

/** Where the cluster is for other hosts, and how they know it. */
async function readCluster(client: Client): Promise<{ readonly server: string | undefined; readonly hash: string }> {
  const [settings, root] = await Promise.all([
    client.get(CoreV1ConfigMap, clusterSettingsKey),
    client.get(CoreV1ConfigMap, { namespace: 'kube-system', name: 'kube-root-ca.crt' }),
  ]).catch((error: unknown) => {
    if (isNotFound(error)) throw new CommandError(`this is not a cluster of Binnacle's own: ${(error as Error).message}`)
    throw error
  })
  return { server: readClusterSettings(settings).server, hash: hashOfAuthority(root.data?.['ca.crt'] ?? '') }
}

async function list(client: Client, { print }: CommandContext): Promise<void> {
  const { items } = await client.list(CoreV1Secret, { namespace: 'kube-system', fieldSelector: 'type=bootstrap.kubernetes.io/token' })
  const now = systemClock.now()
  const rows = items.flatMap((secret) => {
    const token = readBootstrapToken(secret)
    if (token === undefined) return []
    const { expiresAtMs } = token
    const expires = expiresAtMs === undefined ? 'never' : isExpired(token, now) ? 'expired' : toTimestamp(expiresAtMs)
    return [[token.id, expires, Buffer.from(secret.data?.['description'] ?? '', 'base64').toString()]]
  })
  for (const [id, expires, description] of [['ID', 'EXPIRES', 'DESCRIPTION'], ...rows])
    print(`${id!.padEnd(8)}${expires!.padEnd(26)}${description}`.trimEnd())
}

async function remove(client: Client, id: string, { print }: CommandContext): Promise<void> {
  await client.delete(CoreV1Secret, bootstrapTokenKey(id)).catch((error: unknown) => {
    if (isNotFound(error)) throw new CommandError(`there is no token ${id}; \`binnacle token list\` shows those that are`)
    throw error
  })
  print(`Token ${id} is deleted: nobody joins with it any more; nodes that have joined stay`)
}
