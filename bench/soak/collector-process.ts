import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dockerSocket, eventually } from '../../test/e2e/collector/docker-host.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

/** On a machine that is busy with something else, too. */
const startMs = 60_000

/** What is read here of `GET /api/v1/logs/status`. */
export interface LogStatus {
  readonly total: { readonly lostBytes: Readonly<Record<string, number>> }
  readonly sinks: readonly { readonly waiting: number; readonly spooled: number; readonly dropped: Readonly<Record<string, number>> }[]
  readonly origins: readonly {
    readonly id: string
    readonly container: string
    readonly truncations: number
    readonly goneFiles: number
    readonly lostBytes: Readonly<Record<string, number>>
    readonly files: readonly { readonly lagBytes: number }[]
  }[]
}

/** The real command, on the engine of `DOCKER_HOST`. */
export class CollectorProcess {
  readonly #child: ChildProcess
  #log = ''

  constructor(config: string, folder: string) {
    const flags = ['--port=0', `--docker=unix://${dockerSocket}`, `--logs-config=${config}`, `--logs-dir=${folder}`]
    this.#child = spawn(process.execPath, [main, 'collector', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
  }

  /** What it said of logs that was not as it should be. */
  get complaints(): readonly string[] {
    return this.#log.split('\n').filter((line) => /"level":[45]0,/.test(line) && line.includes('"part":"logs"'))
  }

  /** The largest resident set so far. */
  get peakBytes(): number {
    try {
      return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
    } catch {
      return 0
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  async status(): Promise<LogStatus> {
    const address = await eventually(
      'the address',
      () => {
        if (this.#child.exitCode !== null) throw new Error(`the collector has ended: ${this.#log.slice(-2000)}`)
        return /"addresses":\["([^"]+)"/.exec(this.#log)?.[1]
      },
      startMs,
    )
    return (await (await fetch(`${address}/api/v1/logs/status`)).json()) as LogStatus
  }
}
