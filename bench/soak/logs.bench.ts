import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../lib/clock.ts'
import { dockerSocket, DockerHost, eventually } from '../../test/e2e/collector/docker-host.ts'

/**
 * `node bench/soak/logs.bench.ts [MINUTES]` on the engine of `DOCKER_HOST`: 50 containers write numbered lines into files that Docker rotates at sizes from
 * 16 kB to 1 MB, half of them compressed, while the collector is killed and the receiver goes away again and again. Every number must arrive. Then the
 * receiver stays away until a small spool is full: what is missing must be what the counters say.
 */
const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const [minutes = '5'] = process.argv.slice(2)
const writers = 50
const linesPerRound = 10
const roundSeconds = 0.2
const drainMs = 120_000
/** How long a collector lives, and how long the receiver is there and away. */
const lifeMs = 17_000
const thereMs = 11_000
const awayMs = 6_000
const spooledLines = 4000

/** Takes lines over HTTP, or refuses them. */
class Receiver {
  isAway = false
  refusals = 0
  repeats = 0
  readonly #seen = new Map<string, Set<number>>()
  #server: Server | undefined

  async listen(): Promise<string> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        if (this.isAway) {
          this.refusals++
          response.writeHead(503).end()
          return
        }
        for (const line of Buffer.concat(chunks).toString().split('\n'))
          if (line !== '') this.#take((JSON.parse(line) as { message: string }).message)
        response.writeHead(200).end()
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  close(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }

  /** How many of the numbers below `count` have not come. */
  missing(writer: string, count: number): number {
    return count - [...(this.#seen.get(writer) ?? [])].filter((number) => number < count).length
  }

  #take(message: string): void {
    const [writer, number] = message.split(' ') as [string, string]
    const seen = this.#seen.get(writer) ?? new Set<number>()
    this.#seen.set(writer, seen)
    if (seen.has(Number(number))) this.repeats++
    seen.add(Number(number))
  }
}

/** The real command. */
class Collector {
  readonly #child: ChildProcess
  #log = ''

  constructor(config: string, folder: string) {
    const flags = ['--port=0', `--docker=unix://${dockerSocket}`, `--logs-config=${config}`, `--logs-dir=${folder}`]
    this.#child = spawn(process.execPath, [main, 'collector', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async dropped(): Promise<Readonly<Record<string, number>>> {
    const address = await eventually('the address', () => /"addresses":\["([^"]+)"/.exec(this.#log)?.[1])
    const status = (await (await fetch(`${address}/api/v1/logs/status`)).json()) as {
      readonly sinks: readonly { readonly dropped: Record<string, number> }[]
    }
    return status.sinks[0]!.dropped
  }
}

const host = new DockerHost()
const receiver = new Receiver()
const folder = mkdtempSync(join(tmpdir(), 'binnacle-logs-soak-'))
let collector: Collector | undefined

function script(name: string, count: number, seconds: number): string {
  const lines = Array.from({ length: linesPerRound }, (_, index) => `echo "${name} $((i+${index})) ${'x'.repeat(80)}"`).join('; ')
  return `i=0; while [ $i -lt ${count} ]; do ${lines}; i=$((i+${linesPerRound})); usleep ${seconds * 1e6}; done; sleep 100000`
}

const logConfig = (index: number) => {
  const size = { 'max-size': `${16 * 2 ** (index % 7)}k`, 'max-file': '5' }
  return {
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'json-file', Config: index % 2 === 0 ? size : { ...size, compress: 'true' } } },
  }
}

function configure(url: string, more: string): string {
  const path = join(folder, 'logs.yaml')
  const rules = `rules: [{match: {kind: container}, exclude: true}, {match: {container: "binnacle-e2e-${process.pid}-*"}, exclude: false}]`
  writeFileSync(path, `${rules}\nstore: false\nsinks: [{type: webhook, url: "${url}", batch: {max_delay: 200ms}${more}}]\n`)
  return path
}

/** Everything comes and goes; nothing may be missing. */
async function comeAndGo(url: string): Promise<void> {
  const config = configure(url, '')
  const count = Math.floor((Number(minutes) * 60) / roundSeconds) * linesPerRound
  const names = Array.from({ length: writers }, (_, index) => `w${index}`)
  collector = new Collector(config, join(folder, 'state'))
  for (const [index, name] of names.entries()) await host.run(name, script(name, count, roundSeconds), logConfig(index))
  const begun = systemClock.monotonic()
  let kills = 0
  for (let nextKill = begun + lifeMs; systemClock.monotonic() - begun < Number(minutes) * 60_000 * 1.3;) {
    receiver.isAway = (systemClock.monotonic() - begun) % (thereMs + awayMs) > thereMs
    if (systemClock.monotonic() > nextKill) {
      collector.kill()
      kills++
      await systemClock.sleep(500)
      collector = new Collector(config, join(folder, 'state'))
      nextKill = systemClock.monotonic() + lifeMs
    }
    await systemClock.sleep(200)
  }
  receiver.isAway = false
  const missing = () => names.reduce((sum, name) => sum + receiver.missing(name, count), 0)
  await eventually('all lines', () => (missing() === 0 ? true : undefined), drainMs).catch(() => {})
  console.log(
    `${writers} containers, ${count * writers} lines in ${minutes} minutes, ${kills} kills, ${receiver.refusals} requests refused: ${missing()} missing, ${receiver.repeats} repeated`,
  )
  collector.kill()
  await host.dispose()
}

/** A spool that is full and lets the rest go, with a count. */
async function fillSpool(url: string): Promise<void> {
  receiver.isAway = true
  collector = new Collector(configure(url, ', on_full: spool, spool: {max_bytes: 128KiB, when_full: drop-oldest}'), join(folder, 'second'))
  await host.run('full', script('full', spooledLines, 0.02), logConfig(6))
  await systemClock.sleep((spooledLines / linesPerRound) * 20 + 8000)
  receiver.isAway = false
  await systemClock.sleep(8000)
  const dropped = await collector.dropped()
  console.log(
    `without room: ${receiver.missing('full', spooledLines)} of ${spooledLines} missing, counted as dropped: ${JSON.stringify(dropped)}`,
  )
}

try {
  host.prepare()
  const url = await receiver.listen()
  await comeAndGo(url)
  await fillSpool(url)
} finally {
  collector?.kill()
  await host.dispose()
  await host.removeImage()
  receiver.close()
  rmSync(folder, { recursive: true, force: true })
}
