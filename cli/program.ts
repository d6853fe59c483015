import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('main.ts', import.meta.url))
const compileCache = fileURLToPath(new URL('../.cache/compile', import.meta.url))

/** Young objects get little room: the processes are long-lived, and memory counts for more than the last bit of speed. */
const nodeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4']

/** The arguments with which Node runs a command of this program. */
export function programArguments(command: string, args: readonly string[]): string[] {
  return [...nodeFlags, mainFile, command, ...args]
}

/** Heaps of the C allocator that threads share: by default each thread gets its own, and what it has freed stays there. */
const allocatorArenas = '2'

/**
 * The environment of such a process: with stripped and compiled sources kept on disk it starts in half the time and loads no type stripper.
 * A number of arenas that the user has set stays.
 */
export function programEnvironment(): Record<string, string> {
  return { MALLOC_ARENA_MAX: allocatorArenas, ...(process.env as Record<string, string>), NODE_COMPILE_CACHE: compileCache }
}
