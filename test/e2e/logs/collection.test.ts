import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { dockerSocket, DockerHost, eventually } from '../collector/docker-host.ts'

const main = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'binnacle-e2e-logs-'))
const host = new DockerHost()
const children: ChildProcess[] = []
let server: Server | undefined

beforeAll(() => host.prepare())
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await host.dispose()
  server?.closeAllConnections()
  server?.close()
})
afterAll(async () => {
  await host.removeImage()
  rmSync(folder, { recursive: true, force: true })
})

/** Receives lines by HTTP, or refuses to. */
class Receiver {
  /** Ids under which a text came. */
  readonly ids = new Map<string, Set<string>>()
  isOut = false
  refusals = 0

  async listen(): Promise<string> {
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        if (this.isOut) {
          this.refusals++
          response.writeHead(503).end()
          return
        }
        for (const line of Buffer.concat(chunks).toString().split('\n')) {
          if (line === '') continue
          const { message, id } = JSON.parse(line) as { message: string; id: string }
          const ids = this.ids.get(message) ?? new Set<string>()
          this.ids.set(message, ids.add(id))
        }
        response.writeHead(200).end()
      })
    })
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  /** Numbers of a writer that did not come. */
  missing(name: string, count: number): number[] {
    return Array.from({ length: count }, (_, number) => number).filter((number) => !this.ids.has(`${name} ${number} ${padding}`))
  }
}

const padding = 'x'.repeat(60)

/** The real command; resolves with its address. */
async function startCollector(config: string): Promise<{ readonly child: ChildProcess; readonly address: string }> {
  const flags = ['--port=0', `--docker=unix://${dockerSocket}`, `--logs-config=${config}`, `--logs-dir=${join(folder, 'state')}`]
  const child = spawn(process.execPath, [main, 'collector', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
  children.push(child)
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const address = await eventually('the address', () => {
    if (child.exitCode !== null) throw new Error(log)
    return /"addresses":\["([^"]+)"/.exec(log)?.[1]
  })
  return { child, address }
}

/** A shell script that writes numbered lines, ten at a time. */
function writer(name: string, count: number): string {
  const lines = Array.from({ length: 10 }, (_, index) => `echo "${name} $((i+${index})) ${padding}"`).join('; ')
  return `i=0; while [ $i -lt ${count} ]; do ${lines}; i=$((i+10)); usleep 15000; done`
}

interface Status {
  readonly origins: readonly { readonly container: string; readonly truncations: number; readonly goneFiles: number }[]
}

/** How often the file of that container was emptied under the reader, or had gone before it was read to its end. */
async function emptiedIn(address: string): Promise<number> {
  const status = (await (await fetch(`${address}/api/v1/logs/status`)).json()) as Status
  const origin = status.origins.find(({ container }) => container.endsWith('emptied'))
  return (origin?.truncations ?? 0) + (origin?.goneFiles ?? 0)
}

test('every line arrives through rotation, an outage and a SIGKILL; what is missing is accounted for', async () => {
  const receiver = new Receiver()
  const url = await receiver.listen()
  const config = join(folder, 'logs.yaml')
  const shared = join(folder, 'app.log')
  writeFileSync(
    config,
    // The engine may have containers of others.
    `rules: [{match: {kind: container}, exclude: true}, {match: {container: "binnacle-e2e-${process.pid}-*"}, exclude: false}]\nsources: {docker: true, files: [{paths: ["${folder}/*.log"]}]}\nstore: false\nsinks: [{type: webhook, url: "${url}", batch: {max_delay: 100ms}}]\n`,
  )
  const first = await startCollector(config)
  const count = 4000
  const logged = (options: Record<string, string>) => ({
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'json-file', Config: options } },
  })
  await host.run('rotating', writer('rotating', count), logged({ 'max-size': '64k', 'max-file': '6' }))
  await host.run('compressed', writer('compressed', count), logged({ 'max-size': '64k', 'max-file': '6', compress: 'true' }))
  await host.run('emptied', writer('emptied', count), logged({ 'max-size': '64k', 'max-file': '1' }))
  const fleeting = { HostConfig: { NetworkMode: 'none', AutoRemove: true } }
  await host.run('fleeting', writer('fleeting', 10), fleeting)

  // A program of this machine whose file is rotated by copying and emptying it.
  let next = 0
  const write = async (until: number) => {
    while (next < until) {
      appendFileSync(shared, Array.from({ length: 10 }, () => `shared ${next++} ${padding}\n`).join(''))
      await systemClock.sleep(10)
      if (next % 400 !== 0) continue
      // What is written between the two is lost to everybody, so nothing is.
      copyFileSync(shared, `${shared}.${Math.floor(next / 400)}`)
      truncateSync(shared)
    }
  }
  await write(1000)
  receiver.isOut = true
  await write(1800)
  receiver.isOut = false
  await write(2400)
  const emptiedBefore = await emptiedIn(first.address)
  first.child.kill('SIGKILL')
  await host.run('unseen', writer('unseen', 10), logged({}))
  const second = await startCollector(config)
  await write(3000)

  const complete = ['rotating', 'compressed', 'shared', 'fleeting', 'unseen'] as const
  const countOf = { rotating: count, compressed: count, shared: 3000, fleeting: 10, unseen: 10 }
  await eventually(
    'all lines',
    () => (complete.every((name) => receiver.missing(name, countOf[name]).length === 0) ? true : undefined),
    30_000,
  ).catch((error: Error) => {
    const missing = complete.map(
      (name) => `${name}: ${receiver.missing(name, countOf[name]).slice(0, 5).join()} of ${receiver.missing(name, countOf[name]).length}`,
    )
    throw new Error(`${error.message}; missing ${missing.join('; ')}`)
  })
  await eventually('the last line', () => receiver.ids.get(`emptied ${count - 1} ${padding}`), 15_000)
  expect(receiver.refusals).toBeGreaterThan(0)
  // A line that came twice came under the same name.
  expect([...receiver.ids].filter(([, ids]) => ids.size > 1).map(([text, ids]) => [text, ...ids])).toEqual([])
  // Docker empties a file that may have no other beside it, whoever reads it.
  const accounted = emptiedBefore + (await emptiedIn(second.address))
  const lost = receiver.missing('emptied', count)
  expect(lost.length === 0 || accounted > 0).toBe(true)
  // Only what came and went while nobody was there.
  expect(lost.length === 0 || (lost.at(-1) ?? 0) - (lost[0] ?? 0) + 1 === lost.length).toBe(true)
}, 60_000)
