import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../lib/clock.ts'
import { seededRandom } from '../../lib/random.ts'
import { DockerHost } from '../../test/e2e/collector/docker-host.ts'
import type { Measurement } from '../measurement.ts'
import { CollectorProcess, type LogStatus } from './collector-process.ts'
import { NumberedReceiver, type Behaviour } from './numbered-receiver.ts'

/**
 * `node bench/soak/logs.bench.ts [MINUTES [SEED]]` on the engine of `DOCKER_HOST`: containers write numbered lines into files that Docker rotates at sizes
 * from 16 kB to 1 MB, half of them compressed, and programs of the machine write into files that are copied and emptied, or just emptied, while the
 * collector is killed and its receiver refuses, hangs and hangs up. Every number must arrive but those that were emptied away, which counters must tell.
 * Then the receiver stays away until a small spool is full, in both ways that there are for that: what is missing must be what counters say.
 */
const containers = 50
const copiedFiles = 3
const emptiedFiles = 3
const linesPerRound = 10
const roundSeconds = 0.2
const padding = 'x'.repeat(80)
const drainMs = 120_000
const downMs = 500
/** How long the receiver is there and away. */
const thereMs = 11_000
const awayMs = 6_000
const ways: readonly Behaviour[] = ['refuse', 'hang up', 'hang']
const fullLines = 12_000
const fullPadding = 'x'.repeat(460)

interface ComeAndGo {
  readonly lines: number
  readonly missing: number
  /** Of files that are emptied: lines, contents of which the end is missing, and what counters say. */
  readonly emptied: { readonly missing: number; readonly contents: number; readonly counted: number; readonly bytes: number }
  readonly unexplained: number
  readonly kills: number
  readonly peakBytes: number
}

interface Full {
  readonly missing: number
  readonly counted: number
  readonly isExplained: boolean
}

/** A soak and what it made, all of which is gone after `remove`. */
class LogSoak {
  readonly #host = new DockerHost()
  readonly #receiver = new NumberedReceiver()
  readonly #folder = mkdtempSync(join(tmpdir(), 'binnacle-logs-soak-'))
  readonly #signal: AbortSignal
  #collector: CollectorProcess | undefined
  #url = ''
  #isPrepared = false

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  get receiver(): NumberedReceiver {
    return this.#receiver
  }

  async prepare(): Promise<void> {
    mkdirSync(join(this.#folder, 'files'))
    this.#host.prepare()
    this.#isPrepared = true
    this.#url = await this.#receiver.listen()
  }

  async remove(): Promise<void> {
    await this.#collector?.kill()
    await this.#host.dispose()
    if (this.#isPrepared) await this.#host.removeImage()
    this.#receiver.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Everything comes and goes; nothing may be missing. */
  async comeAndGo(minutes: number, seed: number): Promise<ComeAndGo> {
    const random = seededRandom(seed)
    const count = Math.floor((minutes * 60) / roundSeconds) * linesPerRound
    const files = `sources: {docker: true, files: [{paths: ["${this.#folder}/files/*.log"]}]}`
    const config = this.#configure('timeout: 3s, batch: {max_delay: 200ms}', files)
    const collect = () => this.#start(config, 'first')
    collect()
    const names = Array.from({ length: containers }, (_, index) => `w${index}`)
    for (const [index, name] of names.entries()) await this.#write(name, count, { sizeKb: 16 * 2 ** (index % 7), index })
    const copied = Array.from({ length: copiedFiles }, (_, index) => this.#file(`copied${index}`, count))
    const emptied = Array.from({ length: emptiedFiles }, (_, index) => this.#file(`emptied${index}`, count))
    const begun = systemClock.monotonic()
    const nextLife = () => systemClock.monotonic() + 5000 + random.fraction() * 15_000
    let killAt = nextLife()
    let kills = 0
    let peakBytes = 0
    for (let round = 0; round * roundSeconds < minutes * 60 * 1.1; round++) {
      this.#receiver.behaviour = behaviourAt(systemClock.monotonic() - begun)
      for (const file of copied) file.write(round % 16 === 15 ? 'copy' : 'none')
      for (const file of emptied) file.write(round % 75 === 74 ? 'empty' : 'none')
      if (systemClock.monotonic() > killAt) {
        peakBytes = Math.max(peakBytes, this.#collector!.peakBytes)
        await this.#collector!.kill()
        for (const line of this.#collector!.complaints) console.error(line)
        kills++
        await this.#sleep(downMs)
        collect()
        await this.#collector!.status()
        killAt = nextLife()
      }
      await this.#sleep(roundSeconds * 1000)
    }
    this.#receiver.behaviour = 'good'
    const whole = [...names, ...copied.map(({ name }) => name)]
    const missing = () => whole.reduce((sum, name) => sum + this.#receiver.missing(name).length, 0)
    await this.#until(async () => missing() === 0 && isDrained(await this.#collector!.status()))
    peakBytes = Math.max(peakBytes, this.#collector!.peakBytes)
    const result = await this.#accountFor(emptied)
    const { origins } = await this.#collector!.status()
    for (const name of whole) this.#complain(name, origins)
    for (const line of this.#collector!.complaints) console.error(line)
    const unexplained = missing() + result.unexplained
    await this.#end()
    const lines = count * (containers + copiedFiles + emptiedFiles)
    return { lines, missing: missing(), emptied: result, unexplained, kills, peakBytes }
  }

  /** A spool that is full and lets its oldest go. A kill in the middle of it may make the count too large, and never too small. */
  async dropOldest(isKilled: boolean): Promise<Full> {
    const name = isKilled ? 'killed' : 'dropping'
    const config = this.#configure(`${fullSink}, spool: {max_bytes: 1MiB, when_full: drop-oldest}`)
    this.#receiver.behaviour = 'refuse'
    this.#start(config, name)
    await this.#write(name, fullLines, { sizeKb: 1024, index: 0, isFast: true })
    await this.#sleep(10_000)
    if (isKilled) {
      await this.#collector!.kill()
      this.#start(config, name)
    }
    await this.#sleep((fullLines / linesPerRound) * 20)
    const status = await this.#drain()
    const missing = this.#receiver.missing(name).length
    const counted = status.sinks[0]!.dropped['spool-full'] ?? 0
    await this.#end()
    return { missing, counted, isExplained: missing > 0 && (isKilled ? counted >= missing : counted === missing) }
  }

  /** A spool that is full and makes readers wait, until what waits takes too much of the disk. Counted in bytes as Docker wrote them. */
  async holdBack(): Promise<Full> {
    const config = this.#configure(`${fullSink}, spool: {max_bytes: 1MiB}`, 'reading: {max_unacknowledged: 1MiB, max_held: 256KiB}')
    this.#receiver.behaviour = 'refuse'
    this.#start(config, 'holding')
    await this.#write('holding', fullLines, { sizeKb: 512, index: 0, isFast: true, files: 2 })
    await this.#sleep((fullLines / linesPerRound) * 20 + 20_000)
    const status = await this.#drain()
    const missing = this.#receiver.missing('holding')
    const counted = status.total.lostBytes['held'] ?? 0
    await this.#end()
    const written = (framing: number) => missing.reduce((sum, number) => sum + `holding ${number} ${fullPadding}`.length + framing, 0)
    return { missing: missing.length, counted, isExplained: missing.length > 0 && counted >= written(70) && counted <= written(85) }
  }

  /** Tells which numbers of a writer are missing, and what is known of that. */
  #complain(name: string, origins: LogStatus['origins']): void {
    const missing = this.#receiver.missing(name)
    if (missing.length === 0) return
    const origin = origins.find(({ id, container }) => container === `binnacle-e2e-${process.pid}-${name}` || id.endsWith(`/${name}.log`))
    const { truncations, goneFiles, lostBytes } = origin ?? {}
    console.error(`${name}: numbers ${rangesOf(missing)} are missing; ${JSON.stringify({ truncations, goneFiles, lostBytes })}`)
  }

  #configure(sink: string, more = ''): string {
    const path = join(this.#folder, 'logs.yaml')
    const rules = `rules: [{match: {kind: container}, exclude: true}, {match: {container: "binnacle-e2e-${process.pid}-*"}, exclude: false}]`
    writeFileSync(path, `${rules}\n${more}\nstore: false\nsinks: [{type: webhook, url: "${this.#url}", ${sink}}]\n`)
    return path
  }

  #start(config: string, state: string): void {
    this.#signal.throwIfAborted()
    this.#collector = new CollectorProcess(config, join(this.#folder, state))
  }

  /** The collector and the containers end; its files and the receiver stay. */
  async #end(): Promise<void> {
    await this.#collector?.kill()
    await this.#host.dispose()
  }

  async #write(
    name: string,
    count: number,
    options: { readonly sizeKb: number; readonly index: number; readonly isFast?: boolean; readonly files?: number },
  ): Promise<void> {
    this.#signal.throwIfAborted()
    const { sizeKb, index, isFast = false, files = 20 } = options
    this.#receiver.expect(name, count)
    const size = { 'max-size': `${sizeKb}k`, 'max-file': String(files) }
    const config = index % 2 === 0 ? size : { ...size, compress: 'true' }
    await this.#host.run(name, script(name, count, isFast), {
      HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'json-file', Config: config } },
    })
  }

  #file(name: string, count: number): NumberedFile {
    this.#receiver.expect(name, count)
    return new NumberedFile(join(this.#folder, 'files', `${name}.log`), name, count)
  }

  /** What is missing of files that are emptied is the end of contents, no more of them than were counted. */
  async #accountFor(files: readonly NumberedFile[]): Promise<ComeAndGo['emptied'] & { readonly unexplained: number }> {
    const { origins } = await this.#collector!.status()
    const sums = { missing: 0, contents: 0, counted: 0, bytes: 0, unexplained: 0 }
    for (const file of files) {
      const missing = this.#receiver.missing(file.name)
      const { contents, strays } = file.explain(missing)
      const origin = origins.find(({ id }) => id === `file/${file.path}`)
      const counted = origin?.truncations ?? 0
      sums.missing += missing.length
      sums.contents += contents
      sums.counted += counted
      sums.bytes += origin?.lostBytes['truncated'] ?? 0
      sums.unexplained += strays + Math.max(0, contents - counted)
      if (strays > 0 || contents > counted)
        console.error(`${file.name}: the ends of ${contents} contents are missing and ${strays} other lines, ${counted} times counted`)
    }
    return sums
  }

  /** The receiver takes lines again, until there are none. */
  async #drain(): Promise<LogStatus> {
    this.#receiver.behaviour = 'good'
    await this.#until(async () => isDrained(await this.#collector!.status()))
    return this.#collector!.status()
  }

  async #sleep(ms: number): Promise<void> {
    await systemClock.sleep(ms, this.#signal)
    this.#signal.throwIfAborted()
  }

  /** Resolves when it is so, or after a while. */
  async #until(isTrue: () => Promise<boolean>): Promise<void> {
    const deadline = systemClock.monotonic() + drainMs
    while (!(await isTrue()) && systemClock.monotonic() < deadline) await this.#sleep(200)
  }
}

/** Each batch is small, so that the spool is full soon. */
const fullSink = 'batch: {max_delay: 200ms, max_bytes: 128KiB}, memory: {max_bytes: 256KiB}, on_full: spool'

/** `3-5, 9`. */
function rangesOf(numbers: readonly number[]): string {
  const begins = numbers.filter((number, index) => number - 1 !== numbers[index - 1])
  const ends = numbers.filter((number, index) => number + 1 !== numbers[index + 1])
  return begins.map((begin, index) => (begin === ends[index] ? String(begin) : `${begin}-${ends[index]}`)).join(', ')
}

function behaviourAt(ms: number): Behaviour {
  const period = thereMs + awayMs
  return ms % period > thereMs ? ways[Math.floor(ms / period) % ways.length]! : 'good'
}

function isDrained({ sinks, origins }: LogStatus): boolean {
  return (
    sinks.every(({ waiting, spooled }) => waiting + spooled === 0) &&
    origins.every(({ files }) => files.every(({ lagBytes }) => lagBytes === 0))
  )
}

function script(name: string, count: number, isFast: boolean): string {
  const text = isFast ? fullPadding : padding
  const lines = Array.from({ length: linesPerRound }, (_, index) => `echo "${name} $((i+${index})) ${text}"`).join('; ')
  const pauseUs = isFast ? 20_000 : roundSeconds * 1e6
  return `i=0; while [ $i -lt ${count} ]; do ${lines}; i=$((i+${linesPerRound})); usleep ${pauseUs}; done; sleep 100000`
}

/** A program's own log. Nothing is written between its copying and its emptying, which nobody could see. */
class NumberedFile {
  readonly path: string
  readonly name: string
  readonly #count: number
  #next = 0
  /** The numbers at which it was emptied. */
  readonly #emptiedAt: number[] = []

  constructor(path: string, name: string, count: number) {
    this.path = path
    this.name = name
    this.#count = count
  }

  write(then: 'none' | 'copy' | 'empty'): void {
    if (this.#next >= this.#count) return
    appendFileSync(this.path, Array.from({ length: linesPerRound }, () => `${this.name} ${this.#next++} ${padding}\n`).join(''))
    if (then === 'none') return
    if (then === 'copy') this.#copy()
    truncateSync(this.path)
    this.#emptiedAt.push(this.#next)
  }

  /** In how many of its contents the end is missing, and how many numbers are missing elsewhere. */
  explain(missing: readonly number[]): { readonly contents: number; readonly strays: number } {
    const lost = new Set(missing)
    let contents = 0
    for (const [index, end] of this.#emptiedAt.entries()) {
      if (lost.has(end - 1)) contents++
      const begin = this.#emptiedAt[index - 1] ?? 0
      for (let number = end - 1; number >= begin && lost.delete(number); number--);
    }
    return { contents, strays: lost.size }
  }

  #copy(): void {
    for (let number = 5; number > 0; number--)
      if (existsSync(`${this.path}.${number}`)) renameSync(`${this.path}.${number}`, `${this.path}.${number + 1}`)
    copyFileSync(this.path, `${this.path}.1`)
  }
}

/** Runs it all. `signal` ends it: what it made is removed all the same. */
export async function measureLogSoak(minutes = 5, seed = 1, signal?: AbortSignal): Promise<readonly Measurement[]> {
  const soak = new LogSoak(signal ?? new AbortController().signal)
  try {
    await soak.prepare()
    const { receiver } = soak
    const first = await soak.comeAndGo(minutes, seed)
    const { outages, repeats, renamed } = receiver
    const dropped = await soak.dropOldest(false)
    const killed = await soak.dropOldest(true)
    const held = await soak.holdBack()
    const { emptied } = first
    const verdict = ({ isExplained }: Full) => (isExplained ? 'all accounted for' : 'NOT ACCOUNTED FOR')
    return [
      {
        what: `log soak: ${first.lines} numbered lines of ${containers} containers and ${copiedFiles + emptiedFiles} files, rotated at 16 kB to 1 MB, copied, emptied; ${minutes} minutes`,
        value: `${first.unexplained} missing without a reason over ${first.kills} kill -9 and ${outages} requests that failed; ${repeats} came again, ${renamed} of them under another id; ${emptied.missing} gone with the ends of ${emptied.contents} contents that were emptied, ${emptied.counted} times counted; peak ${Math.round(first.peakBytes / 1e6)} MB RSS`,
        aim: '0 missing without a reason',
      },
      {
        what: `log soak: a receiver that is away until a spool of 1 MiB is full, ${fullLines} lines`,
        value: `drop-oldest: ${dropped.missing} lines missing, ${dropped.counted} counted as spool-full, ${verdict(dropped)}; with a kill -9: ${killed.missing} and ${killed.counted}, ${verdict(killed)}; wait: ${held.missing} lines missing, ${held.counted} bytes counted as held, ${verdict(held)}`,
        aim: 'every missing line counted with its reason',
      },
    ]
  } finally {
    await soak.remove()
  }
}

if (import.meta.main) {
  const [minutes = '5', seed = '1'] = process.argv.slice(2)
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(`ended by ${name}`)))
  for (const { what, value, aim } of await measureLogSoak(Number(minutes), Number(seed), stop.signal))
    process.stdout.write(`${what}: ${value} (aim: ${aim})\n`)
}
