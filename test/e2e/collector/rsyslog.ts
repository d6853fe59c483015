import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { unpackPackage } from '../../../cli/setup/unpacked-package.ts'

/** Debian's rsyslogd, unpacked and not installed, with a folder and a port of its own. */
export interface RsyslogServer {
  readonly port: number
  /** What it has written. */
  messages(): Promise<readonly RsyslogMessage[]>
  /** Kills it as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port and file. */
  restart(): Promise<void>
  remove(): Promise<void>
}

export interface RsyslogMessage {
  readonly text: string
  readonly data: string
  readonly host: string
  readonly app: string
  readonly time: string
}

const cache = fileURLToPath(new URL('../../../.cache/debian', import.meta.url))

export async function startRsyslog(): Promise<RsyslogServer> {
  const roots = ['rsyslog', 'libestr0', 'libfastjson4'].map((name) => {
    const programs = unpackPackage(name, cache, () => {})
    if (programs === undefined) throw new Error(`Debian's package ${name} cannot be had`)
    return dirname(programs)
  })
  const architecture = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const libraries = roots.map((root) => join(root, 'lib', architecture))
  const dir = await mkdtemp(join(tmpdir(), 'binnacle-rsyslog-'))
  const [portFile, output, config] = [join(dir, 'port'), join(dir, 'messages'), join(dir, 'rsyslog.conf')]
  let running: ChildProcess | undefined
  async function start(port: number): Promise<number> {
    await rm(portFile, { force: true })
    await writeFile(config, renderConfig({ dir, port, portFile, output }))
    const program = join(roots[0]!, 'sbin/rsyslogd')
    const child = spawn(program, ['-n', '-iNONE', '-f', config, '-M', join(libraries[0]!, 'rsyslog')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') },
    })
    let complaints = ''
    child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk).slice(-2000)))
    running = child
    for (let tries = 0; tries < 200; tries++) {
      // It tells which port it chose, but not that it has one that it was given.
      const found = port === 0 ? Number(await readFile(portFile, 'utf8').catch(() => '')) : port
      if (found > 0 && (await doesListen(found))) return found
      if (child.exitCode !== null) break
      await sleep(25)
    }
    throw new Error(`rsyslogd does not listen: ${complaints}`)
  }
  async function kill(): Promise<void> {
    const child = running
    running = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const port = await start(0).catch(async (error: unknown) => {
    await kill()
    await rm(dir, { recursive: true, force: true })
    throw error
  })
  return {
    port,
    kill,
    restart: async () => void (await start(port)),
    messages: async () => {
      const text = await readFile(output, 'utf8').catch(() => '')
      const lines = text.split('\n').slice(0, -1)
      return lines.map((line) => JSON.parse(line) as RsyslogMessage)
    },
    remove: async () => {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function doesListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => finish(true))
    socket.once('error', () => finish(false))
  })
}

function renderConfig(options: {
  readonly dir: string
  readonly port: number
  readonly portFile: string
  readonly output: string
}): string {
  const { dir, port, portFile, output } = options
  const properties = [
    ['text', 'msg'],
    ['data', 'structured-data'],
    ['host', 'hostname'],
    ['app', 'app-name'],
    ['time', 'timereported" dateFormat="rfc3339'],
  ].map(([name, property]) => `constant(value="\\"${name}\\":\\"") property(name="${property}" format="json") constant(value="\\"")`)
  return `global(workDirectory="${dir}" maxMessageSize="128k")
module(load="imtcp")
template(name="line" type="list") { constant(value="{") ${properties.join(' constant(value=",") ')} constant(value="}\\n") }
ruleset(name="all") { action(type="omfile" file="${output}" template="line" flushOnTXEnd="on" asyncWriting="off") }
input(type="imtcp" address="127.0.0.1" port="${port}" listenPortFileName="${portFile}" ruleset="all")
`
}
