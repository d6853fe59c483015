import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execute, startCluster, type TestCluster } from '../test/support/cluster.ts'

const signals = { SIGINT: 2, SIGTERM: 15 } as const

/** A cluster on a Docker engine of its own. */
export interface BenchCluster extends TestCluster {
  /** Docker's own command against that engine; rejects where it fails or hangs. */
  docker(...args: readonly string[]): Promise<string>
}

/**
 * Runs something against a cluster on an engine of its own, with the stand-in images. Cluster, engine and all containers of it are gone afterwards, also when
 * this process is told to end.
 */
export async function withCluster<T>(
  flags: readonly string[],
  networkIndex: number,
  run: (cluster: BenchCluster) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-'))
  const host = `unix://${dataDir}/docker.sock`
  const remove = async () => {
    await execute(process.execPath, ['cli/main.ts', 'down', '--purge', `--data-dir=${dataDir}`])
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
  const handlers = Object.entries(signals).map(
    ([signal, number]) => [signal, () => void remove().finally(() => process.exit(128 + number))] as const,
  )
  for (const [signal, handler] of handlers) process.once(signal, handler)
  try {
    const cluster = await startCluster([`--docker-host=${host}`, '--runtime=docker', '--influxdb=none', ...flags], networkIndex, {
      dataDir,
    })
    await execute(process.execPath, ['cli/main.ts', 'images', `--docker-host=${host}`])
    return await run({ ...cluster, docker: (...args) => docker(host, args) })
  } finally {
    await remove()
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}

async function docker(host: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await execute('docker', ['--host', host, ...args], { timeoutMs: 150_000 })
  if (code !== 0) throw new Error(`docker ${args.slice(0, 8).join(' ')}: ${stderr.trim() || 'no answer in time'}`)
  return stdout
}
