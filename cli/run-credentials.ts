import { execFile } from 'node:child_process'
import { toFlags, type ClusterOptions } from './options.ts'
import { programArguments } from './program.ts'

/**
 * Runs `binnacle credentials` in a process of its own, so that the certificate library does not stay in this one's memory. What `input` holds goes to its
 * standard input: secrets must not be seen in a list of processes. Rejects with what it says.
 */
export function runCredentials(
  options: ClusterOptions,
  { input = '', signal }: { readonly input?: string; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const args = programArguments('credentials', toFlags(options))
  return new Promise<void>((resolve, reject) => {
    const child = execFile(process.execPath, args, signal === undefined ? {} : { signal }, (error, _, stderr) =>
      error === null ? resolve() : reject(new Error(stderr.trim().replace(/^binnacle: /, '') || error.message)),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
