import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programEnvironment } from '../../cli/program.ts'
import type { Measurement } from '../measurement.ts'
import type { CollectingUsage } from './collecting-process.ts'
import { startRsyslog, type RsyslogSending } from './rsyslog-process.ts'

const files = 4
const linesPerFile = 250_000
const lines = files * linesPerFile
const timeoutMs = 60_000
const restMs = 2000

interface Run {
  readonly received: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly residentBytes: number
}

/** Files of containers to a receiver on this machine: ours over HTTP with acknowledgements, rsyslog in that way, too, and over TCP without them. */
export async function measureLogCollection(): Promise<readonly Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-bench-'))
  try {
    // Without files first: what the process and an idle thread take, and to have its sources compiled.
    mkdirSync(join(folder, 'logs'))
    await collectOwn(folder)
    const idle = await collectOwn(folder)
    writeLogs(folder)
    const own = await collectOwn(folder)
    const bulk = await collectByRsyslog(folder, 'bulk')
    const tcp = await collectByRsyslog(folder, 'tcp')
    return [
      {
        what: 'log lines of 220 bytes from 4 Docker files to an HTTP receiver, redacted, every one acknowledged',
        value: describe(own),
        peer: `rsyslog's imfile, as they are, by the bulk API: ${describe(bulk)}; by TCP without acknowledgement: ${describe(tcp)}`,
        aim: '≥ 200 k lines/s of one core, none lost',
      },
      {
        what: 'memory of the thread that does so',
        value: `${toMb(own.heapBytes + own.bufferBytes)} at most (objects ${toMb(own.heapBytes)}, buffers ${toMb(own.bufferBytes)}); its process ${toMb(own.residentBytes)} RSS, without any lines ${toMb(idle.residentBytes)}`,
        peer: `rsyslogd ${toMb(bulk.residentBytes)} and ${toMb(tcp.residentBytes)} RSS`,
        aim: '≤ 100 MB',
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function describe({ received, seconds, cpuSeconds }: Run): string {
  const rate = (of: number) => `${Math.round(received / of / 1000)} k/s`
  return `${rate(seconds)}, ${rate(cpuSeconds)} per core, ${lines - received} lost`
}

function toMb(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}

function writeLogs(folder: string): void {
  for (let file = 0; file < files; file++) {
    let text = ''
    for (let line = 0; line < linesPerFile; line++) {
      const log = `2026-11-21 09:13:23.123 INFO  [main] com.example.Service - request ${line} handled in 12 ms for user 4711, path=/api/v1/things/${line} status=200 bytes=5120\n`
      text += `${JSON.stringify({ log, stream: 'stdout', time: `2026-11-21T09:13:23.${String(100_000_000 + line)}Z` })}\n`
    }
    writeFileSync(join(folder, 'logs', `${file}.log`), text)
  }
}

/** With what is in the folder, which may be nothing; as the command of the collector runs. */
async function collectOwn(folder: string): Promise<Run & CollectingUsage> {
  let received = 0
  const server = createHttpServer((request, response) => {
    request.on('data', (chunk: Buffer) => (received += countLines(chunk)))
    request.on('end', () => response.writeHead(200).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const configuration = join(folder, 'logs.yaml')
  const { port } = server.address() as AddressInfo
  writeFileSync(
    configuration,
    `sources: {files: [{paths: ["${folder}/logs/*.log"], format: docker}]}\nstore: false\nsinks: [{type: webhook, url: "http://127.0.0.1:${port}/"}]\n`,
  )
  const begun = performance.now()
  const child = fork(fileURLToPath(new URL('collecting-process.ts', import.meta.url)), [configuration, join(folder, 'state')], {
    execArgv: ['--max-semi-space-size=1'],
    env: { ...process.env, ...programEnvironment(process.env) },
  })
  const ended = once(child, 'exit')
  try {
    if (existsSync(join(folder, 'logs', '0.log'))) await untilQuiet(() => received)
    else await new Promise((resolve) => setTimeout(resolve, restMs))
    const seconds = (performance.now() - begun) / 1000
    const told = once(child, 'message')
    child.send({})
    const [usage] = (await told) as [CollectingUsage]
    return { received, seconds, ...usage }
  } finally {
    child.disconnect()
    await ended
    server.closeAllConnections()
    server.close()
  }
}

async function collectByRsyslog(folder: string, sending: RsyslogSending): Promise<Run> {
  let received = 0
  const server = sending === 'tcp' ? createServer((socket) => socket.on('data', count).on('error', () => {})) : createBulkServer(count)
  function count(chunk: Buffer): void {
    received += countLines(chunk)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const begun = performance.now()
  const child = startRsyslog(folder, sending, (server.address() as AddressInfo).port)
  try {
    // The bulk API has a line before each line.
    const perLine = sending === 'tcp' ? 1 : 2
    await untilQuiet(() => received / perLine)
    const seconds = (performance.now() - begun) / 1000
    return { received: received / perLine, seconds, ...usageOf(child) }
  } finally {
    child.kill('SIGKILL')
    server.close()
  }
}

/** Acknowledges all documents, whatever they are. */
function createBulkServer(onData: (chunk: Buffer) => void): Server {
  return createHttpServer((request, response) => {
    request.on('data', onData)
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{"took":1,"errors":false,"items":[]}'))
  })
}

const newline = 0x0a

function countLines(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) count++
  return count
}

/** Resolves when all lines have come, or none any more. */
async function untilQuiet(received: () => number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  let last = 0
  let lastAt = performance.now()
  while (received() < lines && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (received() !== last) {
      last = received()
      lastAt = performance.now()
    } else if (performance.now() - lastAt > 10_000) return
  }
}

/** CPU time and peak of the resident set of a process that still runs. */
function usageOf({ pid }: ChildProcess): Pick<Run, 'cpuSeconds' | 'residentBytes'> {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, residentBytes: Number(peak) * 1024 }
}

if (import.meta.main) {
  for (const { what, value, peer = '', aim } of await measureLogCollection())
    process.stdout.write(`${what}: ${value} (aim ${aim}); ${peer}\n`)
}
