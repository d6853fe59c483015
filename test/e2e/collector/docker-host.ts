import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { createCollector } from '../../../collector/app.ts'
import type { Collector, CollectorOptions } from '../../../collector/app.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'

/** Where the engine of these tests listens. */
export const dockerSocket = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '')

/** One per test process, for each removes its own. */
const image = `binnacle-e2e-collector:${process.pid}`

/** Real containers with busybox, and a collector beside them; everything is gone after `dispose`. */
export class DockerHost {
  readonly docker = new Docker({ socketPath: dockerSocket })
  readonly #containers: Docker.Container[] = []
  readonly #collectors: Collector[] = []

  /** Makes the image, without a registry. */
  prepare(): void {
    const folder = mkdtempSync(join(tmpdir(), 'binnacle-e2e-'))
    try {
      mkdirSync(join(folder, 'bin'))
      mkdirSync(join(folder, 'tmp'))
      copyFileSync('/usr/bin/busybox', join(folder, 'bin/busybox'))
      symlinkSync('busybox', join(folder, 'bin/sh'))
      const archive = execFileSync('tar', ['-C', folder, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 })
      execFileSync('docker', ['-H', `unix://${dockerSocket}`, 'import', '-', image], {
        input: archive,
        stdio: ['pipe', 'ignore', 'inherit'],
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** Starts a container that runs a shell script. */
  async run(name: string, script: string, options: Partial<Docker.ContainerCreateOptions> = {}): Promise<Docker.Container> {
    const container = await this.docker.createContainer({
      Image: image,
      name: `binnacle-e2e-${process.pid}-${name}`,
      Cmd: ['/bin/sh', '-c', script],
      Env: ['PATH=/bin'],
      StopSignal: 'SIGKILL',
      ...options,
    })
    this.#containers.push(container)
    await container.start()
    return container
  }

  /** Starts a collector of this machine. */
  async collect(options: Partial<CollectorOptions> = {}): Promise<Collector> {
    const collector = createCollector({
      clock: systemClock,
      log: silentLog,
      nodeName: 'n1',
      docker: { socket: dockerSocket },
      port: 0,
      ...options,
    })
    this.#collectors.push(collector)
    await collector.start()
    return collector
  }

  async dispose(): Promise<void> {
    for (const collector of this.#collectors.splice(0)) await collector.stop()
    for (const container of this.#containers.splice(0)) await container.remove({ force: true, v: true }).catch(() => {})
  }

  async removeImage(): Promise<void> {
    await this.docker.getImage(image).remove({ force: true })
  }
}

/** Calls `look` until it answers something, or throws after `timeoutMs`. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined, timeoutMs = 20_000): Promise<T> {
  const deadline = systemClock.monotonic() + timeoutMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (systemClock.monotonic() > deadline) throw new Error(`not seen within ${timeoutMs} ms: ${what}`)
    await systemClock.sleep(50)
  }
}

/** A socket that hands everything on to Docker's, and can be cut and restored. */
export class DockerProxy {
  readonly path: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'binnacle-proxy-'))
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  constructor() {
    this.path = join(this.#folder, 'docker.sock')
  }

  async open(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (incoming) => {
      const outgoing = connect({ path: dockerSocket, allowHalfOpen: true })
      for (const socket of [incoming, outgoing]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => this.#sockets.delete(socket))
      }
      incoming.pipe(outgoing)
      outgoing.pipe(incoming)
      incoming.on('close', () => outgoing.destroy())
      outgoing.on('close', () => incoming.destroy())
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.path, resolve))
  }

  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  async dispose(): Promise<void> {
    await this.cut()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
