import { CommandError } from './command.ts'
import type { RunCommand } from './command.ts'

/** Both generations of the kernel's packet filter may be in use at once; the first is the one that Docker's engine takes. */
const programs = ['iptables', 'iptables-nft', 'iptables-legacy']

/** Waits for whoever else changes the rules. */
export const patient = ['-w', '5']

/** A rule of the kernel's packet filter: its table, and the words that make it in its chain. */
export interface PacketRule {
  readonly table: string
  /** Without quotes, from the chain's name on. */
  readonly words: readonly string[]
}

/** The rules in an `iptables-save`, or with `table` in an `iptables -S` of that table. */
export function parseRules(listing: string, table = ''): PacketRule[] {
  let current = table
  return listing.split('\n').flatMap((line) => {
    if (line.startsWith('*')) current = line.slice(1)
    return line.startsWith('-A ') ? [{ table: current, words: wordsOf(line.slice('-A '.length)) }] : []
  })
}

/** The comment of a rule, which is the mark of who made it. */
export function markOf({ words }: PacketRule): string | undefined {
  return words.includes('--comment') ? words[words.indexOf('--comment') + 1] : undefined
}

/**
 * Those of `rules` that are about any of `bridges`. With a port that the engine published goes the rule that lets a container reach itself through it,
 * which names the container's address only.
 */
export function rulesOfBridges(rules: readonly PacketRule[], bridges: readonly string[]): PacketRule[] {
  const named = rules.filter(({ words }) => words.some((word, index) => isInterface(words[index - 1]) && bridges.includes(word)))
  const published = new Set(named.flatMap(({ words }) => valueOf(words, '--to-destination')?.split(':')[0] ?? []))
  const isToItself = ({ words }: PacketRule) => {
    const source = valueOf(words, '-s')?.replace(/\/32$/, '')
    return source !== undefined && published.has(source) && valueOf(words, '-d') === valueOf(words, '-s')
  }
  return rules.filter(
    (rule) => named.includes(rule) || (rule.table === 'nat' && valueOf(rule.words, '-j') === 'MASQUERADE' && isToItself(rule)),
  )
}

/**
 * Removes the rules that `choose` picks, from whichever generation of the packet filter has them. One that somebody else removes meanwhile is gone as well.
 * Rejects with a `CommandError` where one stays.
 */
export async function removeRules(run: RunCommand, choose: (rules: readonly PacketRule[]) => readonly PacketRule[]): Promise<void> {
  for (const program of programs) {
    const present = async () => choose(parseRules(await listing(run, program)))
    const chosen = await present()
    let failure: unknown
    for (const { table, words } of chosen) {
      await run(program, [...patient, '-t', table, '-D', ...words]).catch((error: unknown) => {
        failure = error
      })
    }
    if (failure !== undefined && (await present()).length > 0) throw failure
  }
}

async function listing(run: RunCommand, program: string): Promise<string> {
  try {
    return await run(`${program}-save`, [])
  } catch (error) {
    if (error instanceof CommandError && error.code === 'ENOENT') return ''
    throw error
  }
}

const isInterface = (option: string | undefined) => option === '-i' || option === '-o'
const valueOf = (words: readonly string[], option: string) => (words.includes(option) ? words[words.indexOf(option) + 1] : undefined)

/** Words between spaces; what has spaces in it is quoted, and a quote in it has a backslash before it. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => plain ?? quoted!.replaceAll(/\\(.)/g, '$1'))
}
