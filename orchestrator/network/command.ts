import { spawn } from 'node:child_process'

/** A program that failed or could not be started. `stderr` holds what it said, cut to a few lines. */
export class CommandError extends Error {
  /** `ENOENT` where the program is not installed, `ETIMEDOUT` where it was stopped, else `EXIT`. */
  readonly code: string
  readonly stderr: string

  constructor(message: string, details: { readonly code: string; readonly stderr: string; readonly cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'CommandError'
    this.code = details.code
    this.stderr = details.stderr
  }
}

interface CommandOptions {
  /** Written to standard input, which is then closed. */
  readonly input?: string
  /** The program is killed after this long. */
  readonly timeoutMs?: number
}

/** Runs a program without a shell and resolves with its standard output; rejects with a `CommandError`. */
export type RunCommand = (program: string, args: readonly string[], options?: CommandOptions) => Promise<string>

const defaultTimeoutMs = 30_000
const keptErrorBytes = 2_000

/** The machine's programs. Arguments go to the program as they are: nothing is interpreted by a shell. */
export const runCommand: RunCommand = (program, args, options = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? defaultTimeoutMs,
      killSignal: 'SIGKILL',
    })
    const output: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk)).on('error', () => {})
    child.stderr
      .on('data', (chunk: Buffer) => {
        if (stderr.length < keptErrorBytes) stderr += chunk.toString('utf8').slice(0, keptErrorBytes - stderr.length)
      })
      .on('error', () => {})
    // The program may end before it has read its input; its exit code tells, not the broken pipe.
    child.stdin.on('error', () => {})
    child.on('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'is not installed' : `cannot be run: ${error.message}`
      reject(new CommandError(`${program} ${why}`, { code: error.code ?? 'EXIT', stderr, cause: error }))
    })
    child.on('close', (exitCode, signal) => {
      if (exitCode === 0) return resolve(Buffer.concat(output).toString('utf8'))
      const how = signal === null ? `exit code ${exitCode}` : `killed by ${signal}`
      const code = signal === null ? 'EXIT' : 'ETIMEDOUT'
      reject(new CommandError(`${program} ${args.slice(0, 3).join(' ')}: ${how}: ${stderr.trim()}`, { code, stderr }))
    })
    child.stdin.end(options.input ?? '')
  })
