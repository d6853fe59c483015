/**
 * The way in, in plain JavaScript, so that whatever Node the machine has can run it: installs the npm packages if they are missing or stale,
 * then runs the real program under a Node that is new enough (the pinned one from the platform package where the machine's own is older).
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const minimumMajor = 24
const project = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs `entry` (a path inside the project) with `args`, as this process where its Node is new enough, else as its child. */
export async function runProgram(entry, args) {
  installPackages()
  if (Number(process.versions.node.split('.')[0]) >= minimumMajor) {
    await import('./sources.js')
    process.argv = [process.argv[0], join(project, entry), ...args]
    await import(pathToFileURL(join(project, entry)).href)
    return
  }
  const node = join(project, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
  if (!existsSync(node)) {
    fail(
      `Node.js ${process.versions.node} is too old and no pinned Node.js is available for ${process.platform}-${process.arch}: install Node.js ${minimumMajor} or newer`,
    )
  }
  const flags = ['--disable-warning=ExperimentalWarning', `--import=${new URL('sources.js', import.meta.url).href}`]
  const child = spawn(node, [...flags, join(project, entry), ...args], { stdio: 'inherit' })
  // A terminal sends its signals to the whole group, so the child has them already and takes the second for the same; this is for `kill`.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`cannot run ${node}: ${error.message}`))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
  })
}

function installPackages() {
  const lock = join(project, 'package-lock.json')
  const installed = join(project, 'node_modules', '.package-lock.json')
  if (!existsSync(lock) || (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs)) return
  console.error('$ npm ci')
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: project, stdio: ['ignore', 2, 2] })
  if (result.status !== 0) fail(`npm ci failed${result.error === undefined ? '' : `: ${result.error.message}`}`)
}

function fail(message) {
  console.error(`binnacle: ${message}`)
  process.exit(1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [entry, ...args] = process.argv.slice(2)
  await runProgram(entry, args)
}
