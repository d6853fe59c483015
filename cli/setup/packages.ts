import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Installs distribution packages, or says how. */
export interface PackageInstaller {
  /** Makes sure that `program` is on the PATH, installing `packageName` if this machine allows it. */
  ensure(program: string, packageName: string): Promise<'present' | 'installed' | { readonly advice: string }>
}

export interface PackageInstallerOptions {
  readonly searchPath: string
  readonly isRoot: boolean
  /** Gets each command line before it runs, and what went wrong. */
  readonly print: (line: string) => void
  /** Ends an installation that is under way. */
  readonly signal: AbortSignal
}

/** Installs with apt-get as root on Debian and its relatives; elsewhere it only advises. */
export function createPackageInstaller(options: PackageInstallerOptions): PackageInstaller {
  let isIndexFresh = false
  const install = async (packageName: string): Promise<boolean> => {
    if (!isIndexFresh) {
      isIndexFresh = true
      await runCommand('apt-get', ['update', '-qq'], options)
    }
    return runCommand('apt-get', ['install', '-y', '-qq', '--no-install-recommends', packageName], options)
  }
  return {
    ensure: async (program, packageName) => {
      if (findProgram(program, options.searchPath) !== undefined) return 'present'
      const isDebian = existsSync('/etc/debian_version')
      const command = `apt-get install ${packageName}`
      if (!isDebian) return { advice: `install ${program} (Debian and Ubuntu: ${command})` }
      if (!options.isRoot) return { advice: `run as root: ${command}` }
      if (!(await install(packageName))) return { advice: `apt-get could not install it; try: ${command}` }
      return findProgram(program, options.searchPath) === undefined ? { advice: `package ${packageName} has no ${program}` } : 'installed'
    },
  }
}

/** The full path of a program, or `undefined`. The administrator's folders are searched even where the PATH lacks them. */
export function findProgram(name: string, searchPath: string): string | undefined {
  for (const folder of [...searchPath.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']) {
    const file = join(folder, name)
    if (folder !== '' && existsSync(file)) return file
  }
  return undefined
}

/** Runs a command after printing it; its output goes to standard error. Resolves with whether it succeeded. */
function runCommand(command: string, args: readonly string[], options: PackageInstallerOptions): Promise<boolean> {
  options.print(`$ ${command} ${args.join(' ')}`)
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: options.signal,
      env: { PATH: options.searchPath, DEBIAN_FRONTEND: 'noninteractive', ...proxyEnvironment() },
    })
    let tail = ''
    const keep = (chunk: Buffer) => {
      tail = (tail + chunk.toString()).slice(-2000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => {
      options.print(`${command}: ${error.message}`)
      resolve(false)
    })
    child.on('exit', (code) => {
      if (code !== 0) options.print(tail.trim())
      resolve(code === 0)
    })
  })
}

/** apt behind a proxy needs its variables; they are read from the process's own environment file, not inherited wholesale. */
function proxyEnvironment(): Record<string, string> {
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0')
    return Object.fromEntries(
      entries
        .filter((entry) => /^(https?|no|all)_proxy=/i.test(entry))
        .map((entry) => entry.split(/=(.*)/s).slice(0, 2) as [string, string]),
    )
  } catch {
    return {}
  }
}
