import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../../../../lib/clock.ts'
import { openGrpcChannel } from '../../../../lib/grpc.ts'
import type { GrpcChannel } from '../../../../lib/grpc.ts'
import type { Log } from '../../../../lib/log.ts'
import { csiEndpointOf } from '../../../client/csi/csi-driver.ts'
import { registrationMethods } from '../../../client/csi/messages.ts'
import type { CsiPlugins } from './csi-plugins.ts'

export interface PluginFolderOptions {
  /** Absolute path; made where it is not there. */
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  readonly plugins: Pick<CsiPlugins, 'register' | 'unregister'>
}

interface Registration {
  /** Tells a socket from a later one with the same name. */
  readonly identity: string
  /** Of the driver that it has registered. */
  readonly name?: string
  readonly failures: number
  readonly retryAtMs: number
}

interface Info {
  readonly type?: string
  readonly name?: string
  readonly endpoint?: string
  readonly supportedVersions: readonly string[]
}

const settleMs = 50
const rescanMs = 30_000
const callTimeoutMs = 10_000
const firstRetryMs = 500
const lastRetryMs = 60_000
const maxSockets = 100
/** What drivers may be called, as the API has it. */
const driverName = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/

/**
 * Watches a folder for the registration sockets of plug-ins, as the kubelet watches `plugins_registry`: behind each a plug-in says its name and where it listens,
 * and is told whether it was taken. A driver whose socket goes is let go. Failures are tried again for as long as the socket is there.
 */
export class PluginFolder {
  readonly #options: PluginFolderOptions
  readonly #registrations = new Map<string, Registration>()
  #watcher: FSWatcher | undefined
  #timer: Timer | undefined
  #scanning: Promise<void> | undefined
  #isStopped = false

  constructor(options: PluginFolderOptions) {
    this.#options = options
  }

  /** Resolves when every plug-in that is there has been asked once. */
  async start(): Promise<void> {
    await mkdir(this.#options.path, { recursive: true, mode: 0o750 })
    await this.#scan()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#watcher?.close()
    await this.#scanning
  }

  #scanIn(ms: number): void {
    this.#timer?.cancel()
    if (!this.#isStopped) this.#timer = this.#options.clock.setTimer(ms, () => void this.#scan())
  }

  #scan(): Promise<void> {
    const { log, path, clock } = this.#options
    this.#scanning ??= this.#scanOnce()
      .catch((error: unknown) => log.warn({ path, err: error }, 'the folder of plug-ins cannot be read'))
      .finally(() => {
        this.#scanning = undefined
        const dueMs = Math.min(...[...this.#registrations.values()].map(({ retryAtMs }) => retryAtMs)) - clock.monotonic()
        this.#scanIn(Math.max(settleMs, Math.min(rescanMs, dueMs)))
      })
    return this.#scanning
  }

  async #scanOnce(): Promise<void> {
    this.#watch()
    const sockets = await this.#sockets()
    const gone = [...this.#registrations].filter(([path, { identity }]) => sockets.get(path) !== identity)
    for (const [path, { name }] of gone) {
      this.#registrations.delete(path)
      if (name !== undefined && !this.#isRegistered(name)) await this.#options.plugins.unregister(name)
    }
    const nowMs = this.#options.clock.monotonic()
    const due = [...sockets].filter(([path]) => (this.#registrations.get(path)?.retryAtMs ?? 0) <= nowMs)
    await Promise.all(due.map(([path, identity]) => this.#register(path, identity)))
  }

  #isRegistered(name: string): boolean {
    return [...this.#registrations.values()].some((each) => each.name === name)
  }

  #watch(): void {
    if (this.#watcher !== undefined || this.#isStopped) return
    try {
      const watcher = watch(this.#options.path, () => this.#scanIn(settleMs))
      watcher.on('error', () => {
        watcher.close()
        if (this.#watcher === watcher) this.#watcher = undefined
      })
      this.#watcher = watcher
    } catch {
      // It cannot be watched: the slow look goes on.
    }
  }

  /** The sockets of the folder, each with what tells it from a later one. */
  async #sockets(): Promise<ReadonlyMap<string, string>> {
    const { path } = this.#options
    const found = new Map<string, string>()
    const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      this.#watcher?.close()
      this.#watcher = undefined
      return mkdir(path, { recursive: true, mode: 0o750 }).then((): string[] => [])
    })
    for (const name of names.filter((each) => !each.startsWith('.')).slice(0, maxSockets)) {
      const facts = await stat(join(path, name)).catch(() => undefined)
      if (facts?.isSocket() === true) found.set(join(path, name), `${facts.dev}:${facts.ino}:${facts.ctimeMs}`)
    }
    return found
  }

  async #register(socket: string, identity: string): Promise<void> {
    const { clock, log, plugins } = this.#options
    const channel = openGrpcChannel(`unix:${socket}`, clock)
    try {
      const info = (await channel.call(registrationMethods.GetInfo, {}, callTimeoutMs)) as Info
      const { name, endpoint } = checked(info, socket)
      await plugins.register(name, endpoint)
      this.#registrations.set(socket, { identity, name, failures: 0, retryAtMs: Infinity })
      await tell(channel, { pluginRegistered: true })
    } catch (error) {
      const failures = (this.#registrations.get(socket)?.failures ?? 0) + 1
      const retryAtMs = clock.monotonic() + Math.min(firstRetryMs * 2 ** (failures - 1), lastRetryMs)
      this.#registrations.set(socket, { identity, failures, retryAtMs })
      log.warn({ socket, failures, err: error }, 'a plug-in cannot be registered, will be tried again')
      await tell(channel, { pluginRegistered: false, error: (error as Error).message })
    } finally {
      channel.close()
    }
  }
}

/** What a plug-in does with the news is its own affair. */
async function tell(channel: GrpcChannel, status: { readonly pluginRegistered: boolean; readonly error?: string }): Promise<void> {
  await channel.call(registrationMethods.NotifyRegistrationStatus, status, callTimeoutMs).catch(() => {})
}

function checked(
  { type = '', name = '', endpoint = '', supportedVersions }: Info,
  socket: string,
): { readonly name: string; readonly endpoint: string } {
  if (type !== 'CSIPlugin') throw new Error(`plug-ins of type ${JSON.stringify(type)} are not known here, only CSIPlugin`)
  if (!driverName.test(name)) throw new Error(`${JSON.stringify(name)} is not the name of a driver`)
  if (!supportedVersions.some((version) => /^v?1(\.|$)/.test(version)))
    throw new Error(`driver ${name} speaks versions ${supportedVersions.join(', ')} of CSI, needed is 1.x`)
  const target = csiEndpointOf(endpoint === '' ? socket : endpoint)
  if (target === undefined) throw new Error(`endpoint ${JSON.stringify(endpoint)} of driver ${name} is not the path of a socket`)
  return { name, endpoint: target }
}
