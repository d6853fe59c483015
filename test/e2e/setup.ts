import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dockerVersion } from '../../cli/setup/docker.ts'

const url = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock'
const startTimeoutMs = 60_000

/** Makes sure that a Docker engine answers for all end-to-end tests; one that is started here ends with them, data and all. */
export default async function setup(): Promise<() => Promise<void>> {
  if ((await dockerVersion(url)) !== undefined) return async () => {}
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-e2e-docker-'))
  const engine = spawn(
    'dockerd',
    [`--host=${url}`, `--data-root=${folder}/data`, `--exec-root=${folder}/exec`, `--pidfile=${folder}/pid`],
    { stdio: 'ignore' },
  )
  let problem: string | undefined
  engine.on('error', (error) => (problem = error.message))
  engine.on('exit', (code) => (problem = `dockerd ended with exit code ${code}`))
  const deadline = performance.now() + startTimeoutMs
  while ((await dockerVersion(url)) === undefined) {
    if (problem !== undefined || performance.now() > deadline)
      throw new Error(`no Docker engine for the end-to-end tests: ${problem ?? 'timeout'}`)
    await sleep(100)
  }
  return async () => {
    await end(engine)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    if (!child.kill('SIGTERM')) resolve()
  })
}
