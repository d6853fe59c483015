import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('main.ts', import.meta.url))
const sources = new URL('sources.js', import.meta.url).href

/**
 * The flags of Node for a command. Young objects get little room: the processes are long-lived, and memory counts for more than the last bit
 * of speed. A collector makes next to none.
 */
function nodeFlags(command: string): readonly string[] {
  return ['--disable-warning=ExperimentalWarning', `--max-semi-space-size=${command === 'collector' ? 1 : 4}`, `--import=${sources}`]
}

/** The arguments with which Node runs a command of this program. */
export function programArguments(command: string, args: readonly string[]): string[] {
  return [...nodeFlags(command), mainFile, command, ...args]
}

/**
 * Goes on as such a process, in the place of this one and with its number: flags of V8 and of the C allocator count from the start only.
 * Does nothing where it is one already, or where Node cannot do it.
 */
export function becomeProgram(command: string, args: readonly string[]): void {
  if (nodeFlags(command).every((flag) => process.execArgv.includes(flag)) || process.execve === undefined) return
  process.execve(process.execPath, [process.execPath, ...programArguments(command, args)])
}

/** Heaps of the C allocator that threads share: by default each thread gets its own, and what it has freed stays there. */
const allocatorArenas = '2'

/** What is added to the environment, so that processes of this program have it. A number of arenas that the user has set stays. */
export function programEnvironment({ MALLOC_ARENA_MAX = allocatorArenas }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { MALLOC_ARENA_MAX }
}
