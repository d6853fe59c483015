import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { findDataFolder } from '../data-folder.ts'
import { UsageError, type ClusterOptions } from '../options.ts'

const shownLines = 200

/** `logs [PROCESS] [-f]`: the end of the processes' own logs. Resolves with the exit code of `tail`. */
export function showLogs(options: ClusterOptions, wanted: string | undefined, isFollowing: boolean): Promise<number> {
  const folder = findDataFolder(options.dataDir)
  const names =
    folder !== undefined && existsSync(folder.path('logs'))
      ? readdirSync(folder.path('logs'))
          .filter((file) => file.endsWith('.log'))
          .map((file) => file.slice(0, -4))
      : []
  if (wanted !== undefined && !names.includes(wanted))
    throw new UsageError(`logs: ${JSON.stringify(wanted)} is not one of ${names.length === 0 ? '(no log is there yet)' : names.join(', ')}`)
  if (names.length === 0) throw new UsageError(`logs: no log is there yet in ${options.dataDir}`)
  const files = (wanted === undefined ? names : [wanted]).map((name) => folder!.logFile(name))
  const child = spawn('tail', [`--lines=${shownLines}`, ...(isFollowing ? ['--follow=name'] : []), '--', ...files], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 0))
  })
}
