import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('main.ts', import.meta.url))
const sources = new URL('sources.js', import.meta.url).href

/**
 * Room for young objects, in megabytes: the processes are long-lived, and memory counts for more than the last bit of speed. Some make next to none; what
 * requests leave with the server would else be collected so often that much of it is taken for old. It is there while it is used.
 */
const youngMegabytes: Readonly<Record<string, number>> = { collector: 1, start: 1, server: 16 }
/** What has little to do is not worth the 8 MB of optimizing compilers. */
const withoutCompilers: Readonly<Record<string, readonly string[]>> = { start: ['--no-opt', '--no-maglev'] }

/**
 * The flags of Node for a command that stays. Node's snapshot saves 30 ms of a start, and takes 7 MB of a process with a thread. With `gc` processes give
 * memory back (`lib/idle-memory.ts`).
 */
function nodeFlags(command: string): readonly string[] {
  return [
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    '--no-node-snapshot',
    `--max-semi-space-size=${youngMegabytes[command] ?? 4}`,
    ...(withoutCompilers[command] ?? []),
    `--import=${sources}`,
  ]
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
