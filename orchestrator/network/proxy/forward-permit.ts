import { CommandError } from '../command.ts'
import type { RunCommand } from '../command.ts'
import { markOf, parseRules, patient } from '../iptables.ts'

/**
 * Docker's engine drops what comes from outside to a container's bridge unless it published the port itself, and no accept in a
 * table of ours can lift another table's drop. It leaves the chain `DOCKER-USER` to the rules of the machine's owner; ours go
 * there, marked with the cluster's table name.
 */
export interface ForwardPermit {
  /**
   * Makes sure that translated connections reach the pods, and with `fromOtherHosts` also connections from pods elsewhere, which keep their
   * address: Docker's engine would put the host's in its place.
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
/** Of the table `nat`. */
const translationChain = 'POSTROUTING'

/** Permits through the `iptables` program, the one that Docker itself uses. */
export function createForwardPermit({ run, table, bridge, podSubnet }: ForwardPermitOptions): ForwardPermit {
  const mark = ['-m', 'comment', '--comment', table, '-j', 'ACCEPT']
  const translated = ['-o', bridge, '-m', 'conntrack', '--ctstate', 'DNAT', ...mark]
  const fromPods = ['-s', podSubnet, '-o', bridge, ...mark]
  const betweenPods = ['-s', podSubnet, '-d', podSubnet, ...mark]
  const iptables = (verb: string, rule: readonly string[]) => run('iptables', [...patient, verb, chain, ...rule])
  const translate = (verb: string) => run('iptables', [...patient, '-t', 'nat', verb, translationChain, ...betweenPods])
  const has = async (rule: readonly string[]) => {
    try {
      await iptables('-C', rule)
      return true
    } catch (error) {
      if (error instanceof CommandError && error.code === 'EXIT') return false
      throw error
    }
  }
  const keepAddresses = async () => {
    const place = placeOfExemption((await listChain(run, 'nat', translationChain)) ?? '', { table, bridge })
    if (place === 'first') return
    if (place === 'behind') await translate('-D')
    await translate('-I')
  }
  return {
    async ensure({ fromOtherHosts }) {
      if ((await listChain(run)) === undefined) return false
      if (fromOtherHosts) await keepAddresses()
      for (const rule of fromOtherHosts ? [translated, fromPods] : [translated]) if (!(await has(rule))) await iptables('-I', rule)
      return true
    },
  }
}

/** Where the rule that exempts pods is: before the engine's rule for the bridge, behind it (the engine has made its rule anew), or nowhere. */
export function placeOfExemption(
  listing: string,
  { table, bridge }: { readonly table: string; readonly bridge: string },
): 'first' | 'behind' | 'absent' {
  const rules = parseRules(listing)
  const ours = rules.findIndex((rule) => markOf(rule) === table)
  if (ours < 0) return 'absent'
  const engines = rules.findIndex(({ words }) => words[words.indexOf('-o') + 1] === bridge && words.includes('MASQUERADE'))
  return engines < 0 || ours < engines ? 'first' : 'behind'
}

async function listChain(run: RunCommand, table = 'filter', name = chain): Promise<string | undefined> {
  try {
    return await run('iptables', [...patient, '-t', table, '-S', name])
  } catch {
    return undefined
  }
}
