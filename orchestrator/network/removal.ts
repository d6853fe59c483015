import type { Log } from '../../lib/log.ts'
import { CommandError, runCommand } from './command.ts'
import type { RunCommand } from './command.ts'
import { removeRoutes } from './host-routes.ts'
import { markOf, removeRules, rulesOfBridges } from './iptables.ts'
import { createNft, policyTableNameOf, tableNameOf } from './table/nft.ts'
import { planRemoval } from './table/table-state.ts'

interface RemovalOptions {
  readonly log: Log
  /** Default: this machine's programs. */
  readonly run?: RunCommand
}

/**
 * Removes the cluster's tables, its routes, and its rules in Docker's chain from this host; nothing else is touched, and nothing
 * there is no error. What could not be removed is logged as a warning.
 */
export async function removeNetworkRules({
  clusterId,
  log,
  run = runCommand,
}: RemovalOptions & { readonly clusterId: string }): Promise<void> {
  const table = tableNameOf(clusterId)
  await attempt(log, 'service rules', () => createNft(run).apply(planRemoval(table)))
  await attempt(log, 'network policies', () => createNft(run).apply(planRemoval(policyTableNameOf(table))))
  await attempt(log, "rules in Docker's chain", () => removeRules(run, (rules) => rules.filter((rule) => markOf(rule) === table)))
  await attempt(log, 'routes', () => removeRoutes(run, clusterId))
}

/**
 * Removes bridges with the links of containers to them, and the rules about them that an engine leaves in the packet filter when it is killed. To be called
 * when no engine uses them any longer. Nothing there is no error; what could not be removed is logged as a warning.
 */
export async function removeBridges({
  bridges,
  log,
  run = runCommand,
}: RemovalOptions & { readonly bridges: readonly string[] }): Promise<void> {
  await attempt(log, "an engine's rules", () => removeRules(run, (rules) => rulesOfBridges(rules, bridges)))
  for (const bridge of bridges) await attempt(log, bridge, () => removeBridge(run, bridge))
}

async function removeBridge(run: RunCommand, bridge: string): Promise<void> {
  const listing = await run('ip', ['-j', 'link', 'show', 'master', bridge, 'type', 'veth']).catch(ignoreAbsent)
  if (listing === undefined) return
  const links = JSON.parse(listing.trim() === '' ? '[]' : listing) as readonly { readonly ifname?: string }[]
  for (const link of [...links.flatMap(({ ifname }) => ifname ?? []), bridge]) await run('ip', ['link', 'delete', link]).catch(ignoreAbsent)
}

/** A link may go with its other end at any time. */
function ignoreAbsent(error: unknown): undefined {
  if (error instanceof CommandError && /Cannot find device|does not exist/.test(error.stderr)) return undefined
  throw error
}

async function attempt(log: Log, what: string, remove: () => Promise<void>): Promise<void> {
  try {
    await remove()
  } catch (error) {
    log.warn({ err: error }, `${what} could not be removed`)
  }
}
