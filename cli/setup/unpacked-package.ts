import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The folder of a Debian package's programs, unpacked under `folder` without installing it: no service of it is started and nothing of the system
 * changes. `undefined` where apt-get or dpkg-deb cannot do it. Each command is printed.
 */
export function unpackPackage(packageName: string, folder: string, print: (line: string) => void): string | undefined {
  const target = join(folder, packageName)
  const programs = join(target, 'usr', 'bin')
  if (existsSync(join(target, 'usr'))) return programs
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const run = (command: string, args: readonly string[]) => {
    print(`$ ${command} ${args.join(' ')}`)
    return spawnSync(command, args, { cwd: target, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  }
  const isDownloaded =
    run('apt-get', ['download', '-qq', packageName]) ||
    (run('apt-get', ['update', '-qq']) && run('apt-get', ['download', '-qq', packageName]))
  const archive = readdirSync(target).find((file) => file.endsWith('.deb'))
  if (!isDownloaded || archive === undefined || !run('dpkg-deb', ['--extract', archive, '.'])) {
    rmSync(target, { recursive: true, force: true })
    return undefined
  }
  rmSync(join(target, archive))
  return programs
}
