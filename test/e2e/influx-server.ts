import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A real influxd with a folder and ports of its own, for one test file. */
export interface InfluxServer {
  readonly url: string
  /** Starts it (again), on the same data and port; resolves when it answers. */
  start(): Promise<void>
  /** Ends it; the data stay. */
  stop(): Promise<void>
  /** Kills it as a crash would. */
  kill(): Promise<void>
  /** Holds it still, connections open, until the returned function is called. */
  freeze(): () => void
  /** Ends it and removes its data. */
  remove(): Promise<void>
  /** The rows of one InfluxQL statement, by series. */
  query(statement: string, database?: string): Promise<readonly InfluxSeries[]>
}

export interface InfluxSeries {
  readonly name: string
  readonly tags?: Readonly<Record<string, string>>
  readonly columns: readonly string[]
  readonly values: readonly (readonly unknown[])[]
}

/** Prepares an influxd; nothing runs until `start`. `binary` is Debian's by default; `hasAccounts`: it answers to accounts only. */
export async function createInfluxServer(binary = 'influxd', { hasAccounts = false } = {}): Promise<InfluxServer> {
  const dir = await mkdtemp(join(tmpdir(), 'binnacle-influxd-'))
  const [port, rpcPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const config = join(dir, 'influxd.conf')
  await writeFile(
    config,
    renderConfig(dir, port, rpcPort).replace('log-enabled = false', `log-enabled = false\n  auth-enabled = ${hasAccounts}`),
  )
  let running: ChildProcess | undefined

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = running
    running = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  const stop = () => end('SIGTERM')

  return {
    url,
    async start() {
      const child = spawn(binary, ['-config', config], { stdio: ['ignore', 'ignore', 'pipe'] })
      let complaints = ''
      child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk).slice(-4000)))
      const failed = new Promise<never>((_, reject) => {
        child.on('error', reject)
        child.on('exit', (code) => reject(new Error(`influxd ended with ${code}: ${complaints}`)))
      })
      failed.catch(() => {})
      running = child
      await Promise.race([waitForPing(url), failed])
    },
    stop,
    kill: () => end('SIGKILL'),
    freeze() {
      const child = running
      child?.kill('SIGSTOP')
      return () => void child?.kill('SIGCONT')
    },
    async remove() {
      await stop()
      await rm(dir, { recursive: true, force: true })
    },
    async query(statement, database = 'k8s') {
      const answer = await fetch(`${url}/query?${new URLSearchParams({ db: database, epoch: 'ms', q: statement }).toString()}`, {
        method: 'POST',
      })
      const { results, error } = (await answer.json()) as { results?: { series?: InfluxSeries[]; error?: string }[]; error?: string }
      const failure = error ?? results?.[0]?.error
      if (failure !== undefined) throw new Error(`${statement}: ${failure}`)
      return results?.[0]?.series ?? []
    },
  }
}

async function waitForPing(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const isUp = await fetch(`${url}/ping`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return
    await sleep(100)
  }
  throw new Error(`influxd at ${url} did not answer within 30 s`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function renderConfig(dir: string, port: number, rpcPort: number): string {
  return `reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
  dir = "${dir}/meta"
[data]
  dir = "${dir}/data"
  wal-dir = "${dir}/wal"
  index-version = "tsi1"
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "warn"
`
}
