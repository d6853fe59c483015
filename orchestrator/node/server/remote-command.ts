import type { Readable } from 'node:stream'
import type { ProcessStreams } from '../runtime/runtime.ts'

/** Numbers of the streams of a remote command, the same in every protocol. */
export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const

/** A client's end of a remote command, whatever protocol carries it. */
export interface CommandConnection {
  /** What the client types; absent when it wants none. Its end is the end of input. */
  readonly stdin?: Readable
  /** Resolves when the client has taken it, so that a slow client slows the process and nothing piles up. */
  write(to: typeof channel.stdout | typeof channel.stderr, data: Buffer): Promise<void>
  onResize(listener: (size: { width: number; height: number }) => void): void
  onClose(listener: () => void): void
  /** Tells how it ended and closes. */
  finish(status: CommandStatus): Promise<void>
}

/** The Status that ends a remote command. */
export interface CommandStatus {
  readonly metadata: Record<string, never>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: { readonly causes: readonly { readonly reason: string; readonly message: string }[] }
}

/** How a command ended, as clients expect it: an exit code other than 0 is a failure of its own reason. */
export function exitStatus(exitCode: number): CommandStatus {
  if (exitCode === 0) return { metadata: {}, status: 'Success' }
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}

/** The command could not be run at all. */
export function failureStatus(message: string): CommandStatus {
  return { metadata: {}, status: 'Failure', message, reason: 'InternalError' }
}

/** Connects a client with a process until the process or the client ends. Never rejects. */
export async function runCommand(connection: CommandConnection, open: () => Promise<ProcessStreams>): Promise<void> {
  let process: ProcessStreams
  try {
    process = await open()
  } catch (error) {
    return connection.finish(failureStatus(`error executing command in container: ${(error as Error).message}`)).catch(() => {})
  }
  connection.onClose(() => process.close())
  connection.onResize(({ width, height }) => void process.resize(width, height).catch(() => {}))
  if (connection.stdin !== undefined && process.stdin !== undefined) {
    const { stdin } = process
    stdin.on('error', () => {})
    connection.stdin.on('error', () => {})
    connection.stdin.pipe(stdin)
  }
  try {
    await Promise.all([pump(process.stdout, connection, channel.stdout), pump(process.stderr, connection, channel.stderr)])
    await connection.finish(exitStatus(await process.exitCode()))
  } catch (error) {
    await connection.finish(failureStatus((error as Error).message)).catch(() => {})
  } finally {
    process.close()
  }
}

async function pump(
  stream: Readable | undefined,
  connection: CommandConnection,
  to: typeof channel.stdout | typeof channel.stderr,
): Promise<void> {
  if (stream === undefined) return
  for await (const chunk of stream as AsyncIterable<Buffer>) await connection.write(to, chunk)
}
