import { CommandError } from '../command.ts'
import type { RunCommand } from '../command.ts'

/**
 * Docker's engine drops what comes from outside to a container's bridge unless it published the port itself, and no accept in a
 * table of ours can lift another table's drop. It leaves the chain `DOCKER-USER` to the rules of the machine's owner; ours go
 * there, marked with the cluster's table name.
 */
export interface ForwardPermit {
  /**
   * Makes sure that translated connections reach the pods, and with `fromOtherHosts` also connections from pods elsewhere.
   * Resolves with false where there is no such chain, so nothing that needs a permit.
   */
  ensure(wanted: { readonly fromOtherHosts: boolean }): Promise<boolean>
}

export interface ForwardPermitOptions {
  readonly run: RunCommand
  /** The table's name, which is also the rules' mark. */
  readonly table: string
  readonly bridge: string
  readonly podSubnet: string
}

const chain = 'DOCKER-USER'
const patient = ['-w', '5']

/** Permits through the `iptables` program, the one that Docker itself uses. */
export function createForwardPermit({ run, table, bridge, podSubnet }: ForwardPermitOptions): ForwardPermit {
  const mark = ['-m', 'comment', '--comment', table, '-j', 'ACCEPT']
  const translated = ['-o', bridge, '-m', 'conntrack', '--ctstate', 'DNAT', ...mark]
  const fromPods = ['-s', podSubnet, '-o', bridge, ...mark]
  const iptables = (verb: string, rule: readonly string[]) => run('iptables', [...patient, verb, chain, ...rule])
  const has = async (rule: readonly string[]) => {
    try {
      await iptables('-C', rule)
      return true
    } catch (error) {
      if (error instanceof CommandError && error.code === 'EXIT') return false
      throw error
    }
  }
  return {
    async ensure({ fromOtherHosts }) {
      if ((await listChain(run)) === undefined) return false
      for (const rule of fromOtherHosts ? [translated, fromPods] : [translated]) if (!(await has(rule))) await iptables('-I', rule)
      return true
    },
  }
}

/** Removes every rule that carries the mark of `table`. Rejects with a `CommandError` where one cannot be removed. */
export async function removeForwardPermits(run: RunCommand, table: string): Promise<void> {
  for (const rule of planPermitRemoval((await listChain(run)) ?? '', table)) await run('iptables', [...patient, ...rule])
}

/** The `iptables` arguments that delete the marked rules out of an `iptables -S DOCKER-USER` listing. */
export function planPermitRemoval(listing: string, table: string): readonly (readonly string[])[] {
  return listing
    .split('\n')
    .map((line) => line.split(' ').map((word) => word.replace(/^"(.*)"$/, '$1')))
    .filter((words) => words[0] === '-A' && words[words.indexOf('--comment') + 1] === table)
    .map((words) => ['-D', ...words.slice(1)])
}

async function listChain(run: RunCommand): Promise<string | undefined> {
  try {
    return await run('iptables', [...patient, '-S', chain])
  } catch {
    return undefined
  }
}
