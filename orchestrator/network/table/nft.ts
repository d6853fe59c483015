import { CommandError } from '../command.ts'
import type { RunCommand } from '../command.ts'

/** nftables as the proxy uses it. */
export interface Nft {
  /** Applies statements as one transaction: all or, with a `CommandError`, none. */
  apply(statements: string): Promise<void>
  /** The JSON listing of a table of family `ip`, or `undefined` where there is none. */
  list(table: string): Promise<string | undefined>
}

/** The `nft` program. */
export function createNft(run: RunCommand): Nft {
  return {
    async apply(statements) {
      await run('nft', ['-f', '-'], { input: statements })
    },
    async list(table) {
      try {
        return await run('nft', ['-j', 'list', 'table', 'ip', table])
      } catch (error) {
        if (error instanceof CommandError && error.stderr.includes('No such file or directory')) return undefined
        throw error
      }
    },
  }
}

/** The name of a cluster's table. Throws a TypeError for an id that could not be part of an interface name or a rule. */
export function tableNameOf(clusterId: string): string {
  if (!/^[a-z0-9]{1,11}$/.test(clusterId)) {
    throw new TypeError(`clusterId: ${JSON.stringify(clusterId)} must be 1 to 11 lower-case letters and digits`)
  }
  return `binnacle-${clusterId}`
}

/** The name of the table of a cluster's NetworkPolicies, by that of its table. */
export const policyTableNameOf = (table: string) => `${table}-policies`
